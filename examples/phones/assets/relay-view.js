// What the relay sees: everything, as far as it can, and nothing of what is said.

import { fill, h, iconButton, quiet } from "./dom.js";
import { left, plural, size } from "./format.js";
import { icon } from "./icons.js";

/** Rows that are kept on the page. */
const KEPT = 150;
const timeFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

const ENVELOPES = {
  welcome: ["key", "Welcome", "into a session"],
  commit: ["key", "Commit", "to the next keys"],
  message: ["envelope", "Message", "sealed"],
  receipt: ["checks", "Receipt", "sealed"],
  ephemeral: ["more", "Ephemeral", "kept nowhere"],
  "no session": ["warning", "No session", "for this tag"],
};

export class RelayView {
  #seen = -1;
  #users = new Map();
  #totals = { envelopes: 0, bytes: 0 };

  constructor(names) {
    this.names = names;
    this.list = h("ol", { class: "sights", "aria-label": "What the relay saw, newest first" });
    this.total = h("p", { class: "relay-total" });
    this.element = h("section", { class: "relay", "aria-labelledby": "relay-title" },
      h("div", { class: "relay-head" },
        h("div", {}, h("h2", { id: "relay-title", text: "The relay" }), h("p", { class: "hint", text: "sees only this" })),
        iconButton(icon("trash"), "Clear what is shown", () => this.clear())),
      this.total,
      h("div", { class: "sights-scroll", tabindex: "0", role: "region", "aria-label": "Log of the relay" }, this.list));
    this.sum();
  }

  clear() {
    fill(this.list);
    this.#totals = { envelopes: 0, bytes: 0 };
    this.sum();
  }

  add(sights) {
    for (const sight of sights) {
      if (sight.n <= this.#seen) continue;
      this.#seen = sight.n;
      if (sight.kind === "login") this.#users.set(sight.device, sight.user);
      if (sight.kind === "envelope") {
        this.#totals.envelopes += 1;
        this.#totals.bytes += sight.body;
      }
      this.list.prepend(this.row(sight));
    }
    while (this.list.childElementCount > KEPT) this.list.lastElementChild.remove();
    this.sum();
  }

  sum() {
    const { envelopes, bytes } = this.#totals;
    fill(this.total, icon("lock"), `${plural(envelopes, "envelope")} · ${size(bytes)} sealed`);
  }

  device(id) {
    const user = this.#users.get(id);
    return user ? this.names.get(user) ?? user : id.slice(0, 6);
  }

  row(sight) {
    const who = this.device(sight.device);
    const time = h("time", { text: timeFormat.format(sight.at) });
    const line = (image, title, text, kind = "") => h("li", { class: `sight ${kind}` }, icon(image), h("div", { class: "sight-main" }, h("p", { class: "sight-title" }, title, time), text && h("p", { class: "sight-text" }, text)));
    switch (sight.kind) {
      case "login": return line("door", `${who} logged in`, `${sight.role} · device ${sight.device.slice(0, 8)} · certificate ${sight.serial}, until ${new Date(sight.not_after).toLocaleDateString()}`);
      case "publish": return line("key", `${who} published keys`, `${plural(sight.packages, "key package")} for others to start with${sight.last_resort ? ", and one of last resort" : ""}`);
      case "look_up": return line("search", `${who} looked up ${sight.users.map((user) => this.names.get(user) ?? user).join(", ")}`, sight.key_packages ? "with key packages" : "");
      case "upload": return line("file", `${who} uploads a file`, `${size(sight.size)} sealed, under a random name`);
      case "push": return line("bell", `${who} is to be woken`, sight.hint === "call" ? "a call" : "a message");
      case "refused": return line("block", `${who} was refused`, sight.reason, "is-refused");
      default: return this.envelope(sight, who, time);
    }
  }

  envelope(sight, who, time) {
    const [image, title, note] = ENVELOPES[sight.envelope];
    const to = [...new Set(sight.recipients.map((device) => this.device(device)))].join(", ") || "nobody";
    const sealed = h("span", { class: "sealed", "aria-hidden": "true" });
    sealed.style.inlineSize = `${Math.min(100, 14 + Math.sqrt(sight.body) * 0.9)}%`;
    const field = (term, text) => [h("dt", { text: term }), h("dd", { text })];
    return h("li", { class: `sight is-envelope is-${sight.envelope.replace(" ", "-")}` }, icon(image), h("div", { class: "sight-main" },
      h("p", { class: "sight-title" }, `${title} `, h("span", { class: "route" }, who, " → ", to), time),
      h("details", { class: "fields" }, h("summary", {}, sealed, `${size(sight.body)} ${note}`, quiet(`: all that it sees of this ${title}`)), h("dl", {},
        field("tag", sight.tag), field("envelope", sight.id), field("count", String(sight.sequence)), field("body", `${sight.body} bytes`),
        field("kept", `${left(sight.expires)} at most`), sight.push && field("push", `“${sight.push}”`), sight.commitment && field("commitment", sight.commitment), sight.slot && field("slot", sight.slot),
        sight.token !== null && field("start token", `${sight.token} bytes`)))));
  }
}
