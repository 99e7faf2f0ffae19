// One message: its bubble, what belongs to it, and the menu of what can be done with it.

import { h, iconButton, quiet } from "./dom.js";
import { QUICK, picker } from "./emoji.js";
import { clockTime, fullTime, left, length, period } from "./format.js";
import { icon } from "./icons.js";
import { media } from "./media.js";
import { reference } from "./store.js";
import { summary } from "./list.js";
import { ticks } from "./ticks.js";

const OUTCOMES = {
  completed: "Call", cancelled: "Cancelled call", connection_lost: "Connection lost", declined: "Declined call", busy: "Busy",
  missed: "Missed call",
};

/** A text of a few emoji, and nothing else. */
const EMOJI = /^(?:[\p{Extended_Pictographic}\u200d\ufe0f\u{1f3fb}-\u{1f3ff}]\s?){1,8}$/u;

/** The row of a message in a thread. */
export function bubble(thread, message) {
  if (message.kind === "timer") return note(thread, message);
  const { phone, ui } = thread;
  const name = message.own ? "You" : thread.name;
  const open = () => messageMenu(thread, message);
  const item = h("li", {
    class: `message ${message.own ? "is-own" : "is-other"} kind-${message.kind}`, tabindex: "-1",
    oncontextmenu: (event) => {
      if (event.target.closest("a, input, audio")) return;
      event.preventDefault();
      open();
    },
    onkeydown: (event) => {
      if (event.target !== item) return;
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        open();
      } else if (event.key === "r") thread.composer.answer(message);
    },
  },
  h("div", { class: "bubble" },
    quiet(`${name}: `),
    message.forwarded && h("span", { class: "forwarded" }, icon("forward"), "Forwarded"),
    message.answers && quotation(thread, message.answers),
    media(thread, message),
    message.text && !["encrypted"].includes(message.kind) && h("p", { class: `text ${EMOJI.test(message.text) ? "is-emoji" : ""}`, text: message.text }),
    message.kind === "encrypted" && h("p", { class: "text is-unreadable" }, icon("lock"), "[Encrypted Message]", h("span", { class: "hint", text: message.text })),
    message.kind === "unsupported" && h("p", { class: "text is-unreadable", text: "Made by a newer version: update this app." }),
    message.kind === "call" && callLine(message),
    meta(thread, message)),
  reactions(thread, message),
  message.state === "failed" && h("p", { class: "failure" }, icon("failed"), `Not sent: ${message.why}. `,
    h("button", { type: "button", class: "link", onclick: () => phone.ask("retry", { conversation: message.conversation, message: reference(message) }).catch(ui.fail) }, "Try again")),
  h("div", { class: "tools" },
    iconButton(icon("smile"), "React", () => reactMenu(thread, message)),
    iconButton(icon("reply"), "Reply", () => thread.composer.answer(message)),
    iconButton(icon("more"), "More", open)));
  return item;
}

function note(thread, message) {
  const who = message.own ? "You" : thread.name;
  const set = message.set < 0 ? "new messages stay" : message.set === 0 ? "new messages go when read" : `new messages go after ${period(message.set, message.set_from_read).toLowerCase()}`;
  return h("li", { class: "note", tabindex: "-1" }, icon("timer"), `${who} set the timer: ${set}`);
}

function callLine(message) {
  const lost = message.outcome !== "completed";
  return h("p", { class: `call-line ${lost ? "is-missed" : ""}` }, icon(message.video ? "video" : "phone"),
    h("span", {}, OUTCOMES[message.outcome], h("span", { class: "hint", text: lost ? "" : length(message.duration * 1000) })));
}

function quotation(thread, answered) {
  const who = answered.author === thread.phone.user ? "You" : thread.name;
  const there = Boolean(answered.place);
  return h("button", {
    type: "button", class: "quotation", "aria-label": `In reply to ${who}`, "aria-disabled": there ? undefined : "true",
    onclick: () => there && thread.goTo(answered.place),
  }, h("span", { class: "quotation-who", text: there ? who : "" }), h("span", { class: "quotation-text", text: there ? summary(answered) : "This message is gone." }));
}

function meta(thread, message) {
  const verified = thread.phone.conversation?.trust === "verified";
  const safe = verified ? "End-to-end encrypted with a verified person" : "End-to-end encrypted";
  return h("span", { class: "meta" },
    message.goes && h("span", { class: "goes", title: `Goes ${fullTime(message.goes)}` }, icon("timer"), h("span", { "data-goes": message.goes, text: left(message.goes) }), quiet(" until it is deleted. ")),
    !message.goes && message.period === 0 && h("span", { class: "goes", title: "Goes when it is read" }, icon("timer"), "when read"),
    message.edited && h("span", { text: "edited" }),
    message.encrypted && h("span", { class: "safe", title: safe }, icon(verified ? "shield" : "lock"), quiet(safe)),
    h("time", { datetime: new Date(message.at).toISOString(), text: clockTime(message.at) }),
    message.own && ticks(message));
}

function reactions(thread, message) {
  if (message.reactions.length === 0) return null;
  const byEmoji = Map.groupBy ? Map.groupBy(message.reactions, (one) => one.emoji) : group(message.reactions);
  return h("div", { class: "reactions" }, [...byEmoji].map(([emoji, list]) => {
    const mine = list.some((one) => one.user === thread.phone.user);
    const who = list.map((one) => (one.user === thread.phone.user ? "you" : thread.name)).join(" and ");
    return h("button", {
      type: "button", class: `reaction ${mine ? "is-mine" : ""}`, "aria-pressed": String(mine), "aria-label": `${emoji} by ${who}`,
      onclick: () => react(thread, message, mine ? null : emoji),
    }, emoji, list.length > 1 && h("span", { text: list.length }));
  }));
}

function group(list) {
  const groups = new Map();
  for (const one of list) groups.set(one.emoji, [...(groups.get(one.emoji) ?? []), one]);
  return groups;
}

function react(thread, message, emoji) {
  const { phone, ui } = thread;
  phone.ask("react", { conversation: message.conversation, message: reference(message), emoji }).catch(ui.fail);
}

function reactMenu(thread, message) {
  thread.ui.layer.sheet("React", (close) => picker((emoji) => {
    close();
    react(thread, message, emoji);
  }));
}

/** What can be done with a message. */
function messageMenu(thread, message) {
  const { phone, ui } = thread;
  const args = { conversation: message.conversation, message: reference(message) };
  const did = (what, more) => phone.ask(what, { ...args, ...more }).catch(ui.fail);
  const readable = !["encrypted", "unsupported"].includes(message.kind);
  const waits = message.own && message.state === "queued";
  const file = ["image", "file", "voice", "video"].includes(message.kind);
  const others = phone.conversation?.not.delete;
  ui.layer.menu("Message", [
    readable && { label: "Reply", image: "reply", act: () => thread.composer.answer(message) },
    readable && { label: "React", image: "smile", act: () => reactMenu(thread, message) },
    message.own && message.kind === "text" && { label: "Edit", image: "edit", act: () => thread.composer.edit(message) },
    message.text && { label: "Copy text", image: "copy", act: () => copy(ui, message.text) },
    file && message.uploaded && { label: "Save file", image: "download", act: () => thread.save(message) },
    readable && message.kind !== "call" && { label: "Forward", image: "forward", act: () => forwardSheet(thread, message) },
    { label: "Details", image: "info", act: () => detailSheet(thread, message) },
    waits && { label: "Take back", image: "close", act: () => did("cancel") },
    (message.own || !others) && { label: "Delete for everyone", image: "trash", danger: true, act: () => did("delete", { everyone: true }) },
    { label: "Delete on this phone", image: "trash", danger: true, act: () => did("delete", { everyone: false }) },
  ], {
    before: (close) => readable && h("div", { class: "quick", role: "group", "aria-label": "React" }, QUICK.map((emoji) =>
      h("button", { type: "button", class: "emoji", "aria-label": `React with ${emoji}`, text: emoji, onclick: () => {
        close();
        react(thread, message, emoji);
      } }))),
  });
}

async function copy(ui, text) {
  try {
    await navigator.clipboard.writeText(text);
    ui.say("Copied.");
  } catch {
    ui.say("This browser does not let the page copy.");
  }
}

async function forwardSheet(thread, message) {
  const { phone, ui } = thread;
  const people = await phone.ask("people").catch(() => []);
  ui.layer.menu("Forward to", people.map((person) => ({
    label: person.name ?? person.user, image: "forward", off: person.not && `Disabled: ${person.not}.`,
    act: () => phone.ask("forward", { conversation: message.conversation, message: reference(message), to: person.user })
      .then(({ conversation }) => ui.openThread(conversation)).catch(ui.fail),
  })), { before: () => h("h3", { class: "menu-title", text: "Forward to" }) });
}

function detailSheet(thread, message) {
  const row = (term, text) => text && h("div", { class: "detail" }, h("dt", { text: term }), h("dd", { text }));
  const to = message.recipients[0];
  thread.ui.layer.sheet("Message details", () => [
    h("dl", { class: "details" },
      row("Sent", fullTime(message.sent)),
      message.own && row("Delivered", to?.delivered ? fullTime(to.delivered) : "Not yet"),
      message.own && row("Read", to?.read ? fullTime(to.read) : "Not yet"),
      row("Timer", period(message.period, message.from_read)),
      row("Goes", message.goes ? fullTime(message.goes) : message.period < 0 ? "Never" : "Not known yet"),
      row("Encryption", message.encrypted ? "MLS, from device to device" : "Noted on this device"),
      message.size !== undefined && row("Size", `${message.size.toLocaleString()} bytes`)),
    h("p", { class: "hint" }, icon("lock"), "The relay saw a sealed envelope of padded length, and neither this text nor its name."),
  ]);
}
