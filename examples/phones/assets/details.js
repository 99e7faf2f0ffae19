// A conversation's details: who it is, whether that was verified, and how the conversation is kept.

import { fill, h, toggle } from "./dom.js";
import { fullTime, period } from "./format.js";
import { icon } from "./icons.js";
import { avatar, roleChip } from "./list.js";
import { openTimer } from "./timers.js";

const HOUR = 3_600_000;

/** What can be done with a conversation, from the list. */
export function conversationMenu(phone, ui, id) {
  const one = phone.conversations.get(id);
  const set = (what, on) => phone.ask(what, { conversation: id, on }).catch(ui.fail);
  ui.layer.menu(one.name ?? one.user, [
    one.unread > 0 && one.last && { label: "Mark as read", image: "checks", act: () => phone.ask("read", { conversation: id, place: one.last.place }).catch(ui.fail) },
    { label: one.pinned ? "Unpin" : "Pin", image: "pin", act: () => set("pin", !one.pinned) },
    one.muted ? { label: "Unmute", image: "bell", act: () => mute(phone, ui, id, 0) } : { label: "Mute", image: "mute", act: () => openMute(phone, ui, id) },
    { label: one.archived ? "Take out of the archive" : "Archive", image: "archive", act: () => set("archive", !one.archived) },
    { label: "Safety number", image: "shield", act: () => openSafety(phone, ui, one) },
    { label: one.blocked ? "Unblock" : "Block", image: "block", danger: !one.blocked, act: () => phone.ask("block", { user: one.user, on: !one.blocked }).catch(ui.fail) },
  ], { before: () => h("h3", { class: "menu-title", text: one.name ?? one.user }) });
}

function mute(phone, ui, id, ms) {
  return phone.ask("mute", { conversation: id, ms }).catch(ui.fail);
}

function openMute(phone, ui, id) {
  const row = (label, ms) => ({ label, image: "mute", act: () => mute(phone, ui, id, ms) });
  ui.layer.menu("Mute", [row("For an hour", HOUR), row("For 8 hours", 8 * HOUR), row("For a week", 168 * HOUR), row("Until I unmute", -1)],
    { before: () => h("h3", { class: "menu-title", text: "Mute notifications" }) });
}

/** The details of the open conversation. */
export function openDetails(phone, ui) {
  const one = phone.conversation;
  const name = one.name ?? one.user;
  const set = (what, args) => phone.ask(what, args).catch(ui.fail);
  const link = (image, label, value, act) => h("button", { type: "button", class: "setting", onclick: act }, icon(image), h("span", { class: "setting-text", text: label }), h("span", { class: "setting-value", text: value }));
  const flip = (label, on, what, args) => {
    const button = toggle(label, on, (wanted) => {
      button.setAttribute("aria-checked", String(wanted));
      set(what, { ...args, on: wanted });
    });
    return button;
  };
  ui.layer.sheet(name, (close) => {
    const then = (act) => () => {
      close();
      act();
    };
    const trust = { verified: "Verified", changed: "Changed", unverified: "Not verified", unknown: "Not known yet" }[one.trust];
    return [
      h("div", { class: "who" }, avatar(name, one.role, "is-large"), h("div", {}, roleChip(one.role), h("p", { class: "hint", text: (one.kind ?? "").replace("_", " and ") }))),
      h("div", { class: "settings" },
        link("shield", "Safety number", trust, then(() => openSafety(phone, ui, one))),
        link("timer", "Timer of new messages", period(one.period, one.from_read), then(() => openTimer(ui, {
          title: "Timer of new messages", conversation: one, current: { minutes: one.period, from_read: one.from_read }, always: true,
          choose: (timer) => set("timer", { conversation: one.id, period: timer }),
        }))),
        link(one.muted ? "mute" : "bell", "Notifications", one.muted ? (one.muted_until ? `Muted until ${fullTime(one.muted_until)}` : "Muted") : "On",
          then(() => (one.muted ? mute(phone, ui, one.id, 0) : openMute(phone, ui, one.id)))),
        link("phone", "Calls", "", then(() => openCalls(phone, ui, one))),
        flip("Pinned", one.pinned, "pin", { conversation: one.id }),
        flip("Archived", one.archived, "archive", { conversation: one.id }),
        flip(`Block ${name}`, one.blocked, "block", { user: one.user })),
      h("p", { class: "hint", text: "Blocked people are not told. What they say is dropped on arrival." }),
    ];
  });
}

/** The safety number, to be compared with what the other's phone shows. */
export function openSafety(phone, ui, one) {
  const name = one.name ?? one.user;
  const number = h("div", { class: "safety" });
  ui.layer.sheet("Safety number", (close) => {
    const decide = (on) => {
      phone.ask("verify", { user: one.user, on }).catch(ui.fail);
      close();
    };
    phone.ask("safety", { user: one.user }).then(({ digits }) => {
      fill(number, digits.match(/.{5}/g).map((group) => h("span", { text: group })));
      number.setAttribute("role", "img");
      number.setAttribute("aria-label", digits.match(/.{5}/g).join(", "));
    }).catch((error) => fill(number, h("p", { class: "hint", text: error.message })));
    return [
      number,
      h("p", { class: "hint", text: `Compare these digits with those on ${name}’s phone. When they are the same, nobody stands between you.` }),
      one.trust === "changed" && h("p", { class: "hint is-denied" }, icon("warning"), "It is another number than the one that you verified. Messages wait."),
      h("div", { class: "sheet-actions" },
        one.trust === "verified"
          ? h("button", { type: "button", class: "button", onclick: () => decide(false) }, "No longer verified")
          : h("button", { type: "button", class: "button is-primary", onclick: () => decide(true) }, icon("shield"), "They are the same")),
    ];
  });
}

function openCalls(phone, ui, one) {
  const list = h("ul", { class: "people" });
  ui.layer.sheet("Calls", () => {
    phone.ask("calls", { conversation: one.id }).then(({ calls }) => {
      fill(list, calls.length ? calls.map((call) => h("li", { class: "person" }, icon(call.video ? "video" : "phone"),
        h("div", { class: "person-main" }, h("span", { text: call.own ? "Outgoing" : "Incoming" }), h("span", { class: "hint", text: `${fullTime(call.started)} · ${call.outcome ?? "now"}` })))) : h("li", { class: "empty hint", text: "No calls yet." }));
    }).catch(ui.fail);
    return list;
  });
}
