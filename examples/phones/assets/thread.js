// A conversation: its messages in pages, newest at the bottom, and below them the composer.

import { fill, h, iconButton, quiet, reconcile } from "./dom.js";
import { day, sameDay, plural } from "./format.js";
import { icon } from "./icons.js";
import { avatar, roleChip } from "./list.js";
import { bubble } from "./bubble.js";
import { fileUrl } from "./media.js";
import { Composer } from "./composer.js";
import { Search } from "./search.js";
import { openDetails } from "./details.js";

/** Pixels from the end within which the newest message is in sight. */
const NEAR = 60;
/** Pixels from an edge within which another page is read. */
const AHEAD = 240;

export class Thread {
  #drawn = null;
  #again = 0;
  #following = true;

  constructor(phone, ui) {
    Object.assign(this, { phone, ui });
    this.items = h("ol", { class: "messages" });
    this.log = h("div", { class: "log", role: "log", "aria-live": "polite" }, this.items);
    this.typing = h("p", { class: "typing", role: "status" });
    this.jump = h("button", { type: "button", class: "jump", hidden: true, onclick: () => this.toEnd() }, icon("down"), h("span", {}));
    this.title = h("button", { type: "button", class: "thread-title", onclick: () => openDetails(phone, ui) });
    this.search = new Search(phone, ui, null, () => this.phone.thread?.id ?? null);
    this.search.onopen = (place) => {
      this.closeSearch();
      this.goTo(place);
    };
    this.searching = h("div", { class: "thread-search", hidden: true }, this.search.bar, this.search.results);
    this.call = iconButton(icon("phone"), "Voice call", () => this.startCall(false));
    this.video = iconButton(icon("video"), "Video call", () => this.startCall(true));
    this.composer = new Composer(this);
    this.element = h("div", { class: "screen thread", hidden: true },
      h("div", { class: "screen-head" },
        iconButton(icon("back"), "Back to chats", () => ui.closeThread()),
        this.title, this.call, this.video,
        iconButton(icon("search"), "Search in this conversation", () => this.openSearch())),
      this.searching,
      h("div", { class: "log-place" }, this.log, this.jump, h("div", { class: "drop-hint", "aria-hidden": "true" }, icon("file"), "Drop to send")),
      this.typing,
      this.composer.element);
    this.log.addEventListener("scroll", () => this.scrolled(), { passive: true });
    // Where the newest message was in sight it stays there, whatever room there is.
    new ResizeObserver(() => {
      if (this.#following) this.log.scrollTop = this.log.scrollHeight;
    }).observe(this.log);
    this.items.addEventListener("keydown", (event) => this.moved(event));
    phone.on("thread", () => this.draw());
    phone.on(["status", "uploads"], () => this.draw());
    this.dropTarget();
  }

  get name() {
    const conversation = this.phone.conversation;
    return conversation?.name ?? conversation?.user ?? "";
  }

  get atEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR;
  }

  draw() {
    const { thread, conversation } = this.phone;
    this.element.hidden = !thread;
    if (!thread || !conversation) {
      this.#drawn = null;
      fill(this.items);
      return;
    }
    const fresh = this.#drawn !== thread && thread.ready;
    const wasAtEnd = this.atEnd;
    const height = this.log.scrollHeight - this.log.scrollTop;
    this.head(conversation);
    const items = this.lines();
    const first = this.items.querySelector(".message, .note")?.dataset.key;
    reconcile(this.items, items, {
      key: (item) => item.key,
      sign: (item) => item.sign,
      draw: (item) => item.draw(),
    });
    this.roving();
    const grewAbove = first && items.find((item) => item.message)?.key !== first;
    if (fresh) this.begin(thread);
    else if (wasAtEnd && !thread.newer) this.log.scrollTop = this.log.scrollHeight;
    else if (grewAbove) this.log.scrollTop = this.log.scrollHeight - height;
    this.typingLine(conversation);
    this.composer.draw(conversation);
    this.edge();
    this.read();
  }

  head(conversation) {
    const name = this.name;
    const sign = JSON.stringify([name, conversation.role, conversation.trust, conversation.muted, conversation.state, conversation.not]);
    if (this.title.sign === sign) return;
    this.title.sign = sign;
    this.log.setAttribute("aria-label", `Messages with ${name}`);
    const lines = { verified: "Verified", changed: "Identity changed", unverified: "Encrypted", unknown: "Encrypted" };
    fill(this.title, avatar(name, conversation.role, "is-small"),
      h("span", { class: "row-main" },
        h("span", { class: "row-top" }, h("span", { class: "row-name", text: name }), roleChip(conversation.role), conversation.muted && icon("mute", "is-tiny")),
        h("span", { class: `trust is-${conversation.trust}` }, icon(conversation.trust === "verified" ? "shield" : conversation.trust === "changed" ? "warning" : "lock"),
          conversation.state === "starting" ? "Setting up …" : lines[conversation.trust])),
      quiet(", details"));
    for (const [button, reason, what] of [[this.call, conversation.not.call, "Voice call"], [this.video, conversation.not.video, "Video call"]]) {
      button.title = reason ? `Disabled: ${reason}` : what;
      if (reason) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
  }

  /** Messages, with the days between them and where the unread ones begin. */
  lines() {
    const { thread, conversation } = this.phone;
    const { messages } = this.phone;
    const lines = [];
    const line = (key, text, name = "day") => lines.push({ key, sign: text, draw: () => h("li", { class: name }, h("span", { text })) });
    if (thread.older) lines.push({ key: "older", sign: "", draw: () => h("li", { class: "loading" }, h("span", { class: "spinner", "aria-hidden": "true" }), quiet("Older messages are loading")) });
    else if (thread.ready) line("start", `This is the beginning of your conversation with ${this.name}. Only the two of you can read it.`, "beginning");
    let before = null;
    for (const message of messages) {
      if (!before || !sameDay(before.at, message.at)) line(`day ${new Date(message.at).toDateString()}`, day(message.at));
      if (message.place === thread.firstUnread) line("unread", "New messages", "unread-line");
      const joined = before && before.own === message.own && message.at - before.at < 120_000 && sameDay(before.at, message.at) && before.kind !== "timer" && message.place !== thread.firstUnread;
      lines.push({
        key: `${message.author} ${message.id}`,
        sign: JSON.stringify([message, joined, conversation.trust, this.phone.status.online && Boolean(message.transfer), this.#again]),
        message,
        draw: () => {
          const node = bubble(this, message);
          if (joined) node.classList.add("is-joined");
          return node;
        },
      });
      before = message;
    }
    if (conversation.unseen > 0) line("unseen", `${plural(conversation.unseen, "message")} went before you had read ${conversation.unseen === 1 ? "it" : "them"}.`, "note");
    for (const upload of this.ui.uploads.of(thread.id)) lines.push(upload.line());
    return lines;
  }

  /** Draws a message anew, though nothing of it has changed but how it is looked at. */
  redraw() {
    this.#again += 1;
    this.draw();
  }

  begin(thread) {
    this.#drawn = thread;
    const target = thread.place ?? thread.firstUnread;
    const node = target && this.nodeOf(target);
    if (node) this.show(node, Boolean(thread.place));
    else this.log.scrollTop = this.log.scrollHeight;
  }

  nodeOf(place) {
    const message = this.phone.thread?.messages.get(place);
    const key = message && `${message.author} ${message.id}`;
    return [...this.items.children].find((node) => node.dataset.key === key);
  }

  show(node, mark) {
    this.log.scrollTop = node.offsetTop - this.log.clientHeight / 3;
    if (!mark) return;
    node.classList.add("is-found");
    setTimeout(() => node.classList.remove("is-found"), 2200);
    node.focus({ preventScroll: true });
  }

  /** Shows a message, wherever it is. */
  async goTo(place) {
    const node = this.nodeOf(place);
    if (node) return this.show(node, true);
    return this.phone.enter(this.phone.thread.id, place).catch(this.ui.fail);
  }

  async toEnd() {
    const { thread } = this.phone;
    if (thread.newer) await this.phone.enter(thread.id).catch(this.ui.fail);
    this.log.scrollTop = this.log.scrollHeight;
    this.edge();
  }

  scrolled() {
    if (this.log.scrollTop < AHEAD) this.phone.more("older").catch(this.ui.fail);
    if (this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < AHEAD) this.phone.more("newer").catch(this.ui.fail);
    this.edge();
    this.read();
  }

  edge() {
    const { thread, conversation } = this.phone;
    if (!thread) return;
    const far = thread.newer || !this.atEnd;
    this.#following = !far;
    if (!far) thread.fresh = 0;
    this.jump.hidden = !far;
    const count = conversation?.unread ?? 0;
    this.jump.lastElementChild.textContent = count > 0 ? `${count} new` : "";
    this.jump.setAttribute("aria-label", count > 0 ? `To ${count} new messages` : "To the newest message");
  }

  /** What is in sight was read. */
  read() {
    const { thread, conversation } = this.phone;
    if (!thread?.ready || !conversation || conversation.unread + conversation.unseen === 0 || thread.newer || !this.atEnd || !this.ui.isLookedAt) return;
    const newest = this.phone.messages.at(-1);
    if (!newest || thread.reading === newest.place) return;
    thread.reading = newest.place;
    this.phone.ask("read", { conversation: thread.id, place: newest.place }).catch(() => {}).finally(() => {
      thread.reading = null;
    });
  }

  typingLine(conversation) {
    const typing = conversation.typing.length > 0;
    if (this.typing.dataset.on === String(typing)) return;
    this.typing.dataset.on = String(typing);
    fill(this.typing, typing && [h("span", { class: "dots is-bubble", "aria-hidden": "true" }, h("i"), h("i"), h("i")), `${this.name} is typing`]);
  }

  /** One message can be reached by the tab key: the newest, or where the focus was. */
  roving() {
    const all = [...this.items.querySelectorAll(":scope > .message, :scope > .note")];
    const current = all.find((node) => node.tabIndex === 0) ?? all.at(-1);
    for (const node of all) node.tabIndex = node === current ? 0 : -1;
  }

  moved(event) {
    if (event.key === "Escape") return this.composer.focus();
    const all = [...this.items.querySelectorAll(":scope > .message, :scope > .note")];
    const at = all.indexOf(event.target);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined) return undefined;
    event.preventDefault();
    const next = all[to];
    if (!next) return this.composer.focus();
    all[at].tabIndex = -1;
    next.tabIndex = 0;
    return next.focus();
  }

  focusNewest() {
    [...this.items.querySelectorAll(":scope > .message")].at(-1)?.focus();
  }

  openSearch() {
    this.searching.hidden = false;
    this.search.input.focus();
  }

  closeSearch() {
    this.search.end(false);
    this.searching.hidden = true;
  }

  async startCall(video) {
    const reason = this.phone.conversation?.not[video ? "video" : "call"];
    if (reason) return this.ui.say(`Not allowed: ${reason}.`);
    try {
      const call = await this.phone.ask("call", { conversation: this.phone.thread.id, video });
      this.phone.calls.set(call.id, call);
      this.phone.tell("calls");
    } catch (error) {
      this.ui.fail(error);
    }
    return undefined;
  }

  /** Saves a file: the engine verifies it as a whole before the browser gets it. */
  save(message) {
    if (!this.phone.status.online) return this.ui.say("This phone is offline: the file cannot be fetched.");
    const link = h("a", { href: fileUrl(this.phone, message, true), download: message.name ?? "" });
    link.click();
    return undefined;
  }

  dropTarget() {
    let depth = 0;
    const over = (on) => this.element.classList.toggle("is-dropping", on);
    const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    this.element.addEventListener("dragenter", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth += 1;
      over(true);
    });
    this.element.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
    this.element.addEventListener("dragleave", () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) over(false);
    });
    this.element.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      over(false);
      this.composer.attach([...event.dataTransfer.files]);
    });
  }
}
