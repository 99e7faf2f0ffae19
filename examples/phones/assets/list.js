// The first screen of a phone: conversations, people, what is archived, and search.

import { append, fill, h, iconButton, quiet, reconcile } from "./dom.js";
import { plural, shortTime } from "./format.js";
import { icon } from "./icons.js";
import { conversationMenu } from "./details.js";
import { ticks } from "./ticks.js";
import { openPeople } from "./people.js";
import { openSettings } from "./settings.js";
import { Search } from "./search.js";

/** A round picture of somebody: the first letter of their name, in the colour of their role. */
export function avatar(name, role, more = "") {
  return h("span", { class: `avatar role-${role ?? "none"} ${more}`, "aria-hidden": "true", text: (name ?? "?").slice(0, 1).toUpperCase() });
}

/** What somebody is. */
export const roleChip = (role) => h("span", { class: `chip role-${role ?? "none"}`, text: role ?? "…" });

/** What a message says, in a line. */
export function summary(message) {
  const captioned = (what) => (message.text ? `${what}: ${message.text}` : what);
  switch (message.kind) {
    case "text": case "card": return message.text;
    case "image": return captioned(message.blurred ? "Hidden photo" : "Photo");
    case "video": return captioned("Video");
    case "voice": return captioned("Voice message");
    case "file": return captioned(message.name ?? "File");
    case "call": return message.outcome === "completed" ? "Call" : "Missed call";
    case "timer": return "Timer changed";
    case "encrypted": return "[Encrypted Message]";
    default: return "Not supported by this version";
  }
}

export class List {
  constructor(phone, ui) {
    Object.assign(this, { phone, ui, archived: false });
    this.rows = h("ul", { class: "rows", "aria-label": "Conversations" });
    this.empty = h("div", { class: "empty" });
    this.more = h("div", { class: "list-more" });
    this.search = new Search(phone, ui, this);
    this.title = h("h3", { class: "screen-title", text: "Chats" });
    this.head = h("div", { class: "screen-head" },
      this.back = iconButton(icon("back"), "Back to chats", () => this.show(false), { class: "list-back" }),
      this.title,
      iconButton(icon("gear"), "Settings", () => openSettings(phone, ui)),
      this.compose = iconButton(icon("edit"), "New conversation", () => openPeople(phone, ui)));
    this.scroll = h("div", { class: "list-scroll" }, this.rows, this.empty, this.more);
    this.element = h("div", { class: "screen list" }, this.head, this.search.bar, this.search.results, this.scroll);
    phone.on(["list", "status"], () => this.draw());
    this.draw();
  }

  /** Shows what is archived, or what is not. */
  show(archived) {
    this.archived = archived;
    this.draw();
  }

  draw() {
    const listed = this.phone.listed(this.archived);
    const archived = this.phone.listed(true);
    this.title.textContent = this.archived ? "Archived" : "Chats";
    this.back.hidden = !this.archived;
    this.scroll.hidden = this.search.active;
    reconcile(this.rows, listed, {
      key: (one) => one.id,
      sign: (one) => JSON.stringify(one) + shortTime(one.activity),
      draw: (one) => this.row(one),
    });
    fill(this.empty);
    if (this.phone.loaded && listed.length === 0) {
      append(this.empty, this.archived ? [h("p", { text: "Nothing is archived." })] : [
        h("div", { class: "empty-art", "aria-hidden": "true" }, icon("envelope")),
        h("p", { class: "empty-title", text: "No conversations yet" }),
        h("p", { class: "hint", text: "Messages are encrypted on this phone before they leave it." }),
        h("button", { type: "button", class: "button", onclick: () => openPeople(this.phone, this.ui) }, "Start a conversation"),
      ]);
    }
    fill(this.more, !this.archived && archived.length > 0 && h("button", { type: "button", class: "row-link", onclick: () => this.show(true) },
      icon("archive"), h("span", { text: "Archived" }), h("span", { class: "count", text: archived.length })));
  }

  row(one) {
    const open = () => this.ui.openThread(one.id);
    const unread = one.unread > 0;
    const typing = one.typing.length > 0;
    const name = one.name ?? one.user;
    const button = h("button", { type: "button", class: `row ${unread ? "is-unread" : ""}`, onclick: open },
      avatar(name, one.role),
      h("span", { class: "row-main" },
        h("span", { class: "row-top" },
          h("span", { class: "row-name", text: name }),
          roleChip(one.role),
          one.trust === "verified" && h("span", { class: "verified", title: "Verified" }, icon("shield"), quiet("verified")),
          h("span", { class: "row-time", text: one.last ? shortTime(one.last.at) : "" })),
        h("span", { class: "row-bottom" },
          h("span", { class: `row-preview ${typing ? "is-typing" : ""}` }, this.preview(one, typing)),
          one.pinned && h("span", { class: "mark", title: "Pinned" }, icon("pin"), quiet("pinned")),
          one.muted && h("span", { class: "mark", title: "Muted" }, icon("mute"), quiet("muted")),
          unread && h("span", { class: `badge ${one.muted ? "is-muted" : ""}` }, String(one.unread), quiet(" unread")))));
    const row = h("li", {
      class: "row-item",
      oncontextmenu: (event) => {
        event.preventDefault();
        conversationMenu(this.phone, this.ui, one.id);
      },
    }, button, iconButton(icon("more"), `Options for ${name}`, () => conversationMenu(this.phone, this.ui, one.id), { class: "row-more" }));
    row.focus = (how) => button.focus(how);
    return row;
  }

  preview(one, typing) {
    if (typing) return ["typing ", h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"))];
    if (one.blocked) return "Blocked";
    if (one.draft) return [h("span", { class: "draft", text: "Draft: " }), one.draft];
    if (one.trust === "changed") return [icon("warning"), "Their identity has changed"];
    if (one.unseen > 0 && !one.last) return `${plural(one.unseen, "message")} went unseen`;
    if (!one.last) return one.state === "starting" ? "Setting up encryption …" : "No messages";
    return [one.last.own && ticks(one.last), summary(one.last)];
  }
}
