// Notifications: the system's, where that was allowed, and a banner on the phone. Who and how many; never what was said.

import * as sound from "./sound.js";
import { plural } from "./format.js";

const ASKED = "notifications-asked";
/** What the system shows of calls that ring, by call: one each, however often its hint comes. */
const rung = new Map();

/** Whether this browser has notifications that nobody has been asked about yet. */
export function mayAsk() {
  try {
    return "Notification" in globalThis && Notification.permission === "default" && !sessionStorage.getItem(ASKED);
  } catch {
    return false;
  }
}

/** Notes that it was asked, whatever the answer. */
export function asked() {
  try {
    sessionStorage.setItem(ASKED, "yes");
  } catch {
    // Then it is asked again.
  }
}

/** Asks the browser. Only a click may lead here. */
export async function allow() {
  asked();
  return (await Notification.requestPermission()) === "granted";
}

/** What a notification says. */
export function words(hint) {
  if (hint.call) return "calls you";
  return hint.count === 1 ? "New message" : plural(hint.count, "new message");
}

/** Shows what is new of a phone's hints: `isOpen(hint)` is what the user looks at already, `banner(hint)` shows it. */
export function show(phone, { isOpen, banner, open }) {
  takeAway(phone);
  for (const hint of phone.hints) {
    if (!hint.sound) continue;
    if (hint.call) {
      rings(phone, hint, open);
      continue;
    }
    if (isOpen(hint)) continue;
    sound.message();
    banner(hint);
    system(phone, hint, open);
    phone.ask("notified", { conversation: hint.conversation, place: hint.newest, dismissed: false }).catch(() => {});
  }
}

/** A call has the phone's whole screen, and a ringtone: only who looks elsewhere is told here, and once. */
function rings(phone, hint, open) {
  if (rung.has(hint.call)) return;
  const note = system(phone, hint, open);
  if (note) rung.set(hint.call, { phone, note });
}

/** Nobody is to run for a call that rings no more. */
function takeAway(phone) {
  for (const [call, { phone: of, note }] of rung) {
    if (of !== phone || phone.hints.some((hint) => hint.call === call)) continue;
    note.close();
    rung.delete(call);
  }
}

function system(phone, hint, open) {
  if (!("Notification" in globalThis) || Notification.permission !== "granted" || !document.hidden) return null;
  const note = new Notification(`${hint.name ?? hint.user} → ${phone.name}`, {
    body: words(hint), tag: `${phone.user} ${hint.call ?? hint.conversation}`, silent: true, icon: "/assets/icon.svg",
  });
  note.addEventListener("click", () => {
    window.focus();
    open(hint);
    note.close();
  });
  return note;
}
