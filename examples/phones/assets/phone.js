// One phone as it lies on the table: its switches, its frame, and what is on its screen.

import { fill, h, iconButton, quiet } from "./dom.js";
import { clockTime, now } from "./format.js";
import { icon } from "./icons.js";
import { List, avatar, roleChip } from "./list.js";
import { Thread } from "./thread.js";
import { Uploads } from "./attach.js";
import { CallScreen } from "./calls.js";
import { Layer } from "./sheet.js";
import * as notify from "./notify.js";

/** How long a banner stays, in milliseconds. */
const BANNER = 6000;
/** How long a word to the user stays. */
const WORD = 4500;

export class PhoneView {
  #toast = 0;

  constructor(phone) {
    this.phone = phone;
    this.fail = (error) => this.say(error.message);
    this.uploads = new Uploads(phone, this);
    this.screens = h("div", { class: "screens" });
    this.layers = h("div", { class: "layers" });
    this.layer = new Layer(this.layers, this.screens);
    this.list = new List(phone, this);
    this.thread = new Thread(phone, this);
    this.screens.append(this.list.element, this.thread.element);
    this.call = new CallScreen(phone, this, this.screens);
    this.banners = h("div", { class: "banners", role: "status", "aria-live": "polite" });
    this.word = h("p", { class: "word", role: "status", hidden: true });
    this.off = h("div", { class: "off", hidden: true });
    this.bar = h("div", { class: "status-bar" });
    this.switches = h("div", { class: "switches" });
    this.element = h("section", { class: `phone role-${phone.role}`, "aria-label": `${phone.name}’s phone`, "data-user": phone.user },
      h("div", { class: "phone-head" },
        h("h2", {}, phone.name, quiet(`’s phone, ${phone.role}`)), roleChip(phone.role), this.switches),
      h("div", { class: "frame" }, h("div", { class: "glass" }, this.bar, this.screens, this.call.element, this.layers, this.banners, this.word, this.off)));
    phone.on("status", () => this.draw());
    phone.on("hints", () => this.hints());
    phone.on("status", () => this.thread.read());
    this.screens.addEventListener("keydown", (event) => this.escape(event));
    this.draw();
    this.drawBar();
  }

  /** Whether the focus is on this phone. */
  get isFocused() {
    return this.element.contains(document.activeElement);
  }

  /** Whether somebody may be looking at it. */
  get isLookedAt() {
    return !document.hidden && this.element.getClientRects().length > 0 && this.phone.status.alive;
  }

  draw() {
    const { phone } = this;
    const { alive, online, wanted, trouble } = phone.status;
    const sign = JSON.stringify([phone.status, phone.quiet]);
    if (this.sign === sign) return;
    this.sign = sign;
    const held = document.activeElement?.dataset?.switch;
    const net = h("button", {
      type: "button", role: "switch", class: "switch is-small", "aria-checked": String(wanted), "data-switch": "net", "aria-label": `${phone.name}’s connection`,
      onclick: () => phone.ask("connect", { online: !phone.status.wanted }).catch(this.fail),
    }, h("span", { class: "switch-text", text: wanted ? (online || !alive ? "Online" : "Connecting") : "Offline" }), h("span", { class: "switch-track", "aria-hidden": "true" }));
    const power = alive
      ? iconButton(icon("power"), `Kill ${phone.name}’s app`, () => phone.ask("kill").catch(this.fail), { class: "kill", "data-switch": "power" })
      : iconButton(icon("power"), `Open ${phone.name}’s app`, () => this.reopen(), { class: "kill is-off", "data-switch": "power" });
    fill(this.switches, net, power);
    if (held) this.switches.querySelector(`[data-switch=${held}]`)?.focus();
    this.off.hidden = alive;
    this.element.classList.toggle("is-off", !alive);
    this.screens.hidden = !alive;
    if (!alive) this.layer.close();
    fill(this.off, !alive && [
      avatar(phone.name, phone.role, "is-large"),
      h("p", { class: "off-title", text: "The app was killed" }),
      h("p", { class: "hint", text: "Its engine was dropped in the middle of whatever it did, without a word to anybody. What is sent to it waits at the relay." }),
      h("button", { type: "button", class: "button is-primary", onclick: () => this.reopen() }, "Open again"),
    ]);
    if (trouble) this.say(trouble);
    this.drawBar();
  }

  drawBar() {
    const { online } = this.phone.status;
    fill(this.bar, h("time", { text: clockTime(now()) }),
      h("span", { class: "status-icons" }, this.phone.quiet && h("span", { title: "Do not disturb" }, icon("moonbell"), quiet("do not disturb")),
        h("span", { title: online ? "Connected to the relay" : "No connection" }, icon(online ? "wifi" : "offline"), quiet(online ? "online" : "offline"))));
  }

  async reopen() {
    try {
      await this.phone.ask("open");
      this.focus();
    } catch (error) {
      this.fail(error);
    }
  }

  openThread(id, place = null) {
    this.layer.close();
    if (this.list.search.active) this.list.search.end(false);
    if (this.phone.thread) this.thread.composer.leave();
    this.list.element.hidden = true;
    fill(this.banners);
    return this.phone.enter(id, place).then(() => place || this.thread.composer.focus()).catch(this.fail);
  }

  closeThread() {
    const id = this.phone.thread?.id;
    this.thread.composer.leave();
    this.thread.closeSearch();
    this.list.element.hidden = false;
    this.phone.leave();
    const row = [...this.list.rows.children].find((node) => node.dataset.key === id);
    row?.focus({ preventScroll: true });
  }

  escape(event) {
    if (event.key !== "Escape" || event.defaultPrevented || this.layer.isOpen) return;
    if (!this.thread.searching.hidden) this.thread.closeSearch();
    else if (this.phone.thread && !event.target.closest(".messages")) this.closeThread();
    else if (this.list.archived) this.list.show(false);
  }

  /** Puts the focus where one goes on. */
  focus() {
    if (this.phone.thread) this.thread.composer.focus();
    else this.list.element.querySelector("button:not([hidden])")?.focus();
  }

  hints() {
    notify.show(this.phone, {
      isOpen: (hint) => this.isLookedAt && this.phone.thread?.id === hint.conversation && this.thread.atEnd,
      banner: (hint) => this.banner(hint),
      open: (hint) => this.openThread(hint.conversation),
    });
  }

  banner(hint) {
    const name = hint.name ?? hint.user;
    const conversation = this.phone.conversations.get(hint.conversation);
    const banner = h("div", { class: "banner" },
      h("button", { type: "button", class: "banner-open", onclick: () => this.openThread(hint.conversation) },
        avatar(name, conversation?.role, "is-small"), h("span", { class: "banner-text" }, h("strong", { text: name }), h("span", { text: notify.words(hint) }))),
      iconButton(icon("close"), "Dismiss the notification", () => {
        banner.remove();
        this.phone.ask("notified", { conversation: hint.conversation, place: hint.newest, dismissed: true }).catch(() => {});
      }));
    fill(this.banners, banner);
    setTimeout(() => banner.remove(), BANNER);
  }

  /** Says something to the user, for a moment. */
  say(text) {
    clearTimeout(this.#toast);
    this.word.textContent = text;
    this.word.hidden = false;
    this.#toast = setTimeout(() => {
      this.word.hidden = true;
    }, WORD);
  }

  /** Asks before the browser asks, and says what for. */
  askForNotifications() {
    notify.asked();
    this.layer.sheet("Notifications", (close) => [
      h("p", { text: `Shall this browser tell you when somebody answers ${this.phone.name}? A notification says who, and never what.` }),
      h("div", { class: "sheet-actions" },
        h("button", { type: "button", class: "button", onclick: close }, "Not now"),
        h("button", { type: "button", class: "button is-primary", onclick: () => {
          close();
          notify.allow().then((granted) => this.say(granted ? "Notifications are on." : "This browser does not show notifications."));
        } }, icon("bell"), "Turn on")),
    ]);
  }
}
