// Where one writes: what is answered or edited, the timer of the next message, emoji, files, voice, and whether all of it is
// encrypted.

import { fill, h, iconButton } from "./dom.js";
import { picker } from "./emoji.js";
import { period } from "./format.js";
import { icon } from "./icons.js";
import { summary } from "./list.js";
import * as notify from "./notify.js";
import { Recorder } from "./recorder.js";
import { reference } from "./store.js";
import { openAttach } from "./attach.js";
import { openTimer } from "./timers.js";
import { openSafety } from "./details.js";

/** How long after the last key a draft is kept. */
const KEEP = 400;
/** How often the engine is told that somebody types, at most; it tells others less often. */
const SAY = 300;

export class Composer {
  #draft = 0;
  #said = 0;
  #of = null;

  constructor(thread) {
    Object.assign(this, { thread, phone: thread.phone, ui: thread.ui, answers: null, edited: null, timer: null });
    this.context = h("div", { class: "context", hidden: true });
    this.safe = h("div", { class: "safe-line" });
    this.input = h("textarea", {
      class: "input", rows: "1", "aria-label": "Message", placeholder: "Message", maxlength: "16000",
      oninput: () => this.typed(), onkeydown: (event) => this.key(event), onpaste: (event) => this.pasted(event),
    });
    this.files = h("input", { type: "file", multiple: true, class: "sr", tabindex: "-1", "aria-hidden": "true", onchange: () => {
      this.attach([...this.files.files]);
      this.files.value = "";
    } });
    this.plus = iconButton(icon("plus"), "Attach files", () => this.files.click());
    this.smile = iconButton(icon("smile"), "Emoji", () => this.emoji());
    this.clock = iconButton(icon("timer"), "Timer of this message", () => this.chooseTimer());
    this.send = iconButton(icon("send"), "Send", () => this.submit(), { class: "send" });
    this.mic = iconButton(icon("mic"), "Record a voice message", () => this.record(), { class: "mic" });
    this.bar = h("div", { class: "compose" }, this.plus, h("div", { class: "input-box" }, this.input, this.smile, this.clock), this.mic, this.send, this.files);
    this.refusal = h("div", { class: "refusal", hidden: true });
    this.recorder = new Recorder(this);
    this.element = h("div", { class: "composer" }, this.context, this.refusal, this.bar, this.recorder.element, this.safe);
    this.buttons();
  }

  /** Draws what depends on the conversation. */
  draw(conversation) {
    if (this.#of !== conversation.id) this.enter(conversation);
    this.refuse(conversation);
    this.safety(conversation);
    const timer = this.timer ?? { minutes: conversation.period, from_read: conversation.from_read };
    this.clock.classList.toggle("is-set", this.timer !== null);
    this.clock.title = `Timer of this message: ${period(timer.minutes, timer.from_read)}`;
    this.clock.setAttribute("aria-label", this.clock.title);
    this.input.placeholder = timer.minutes < 0 ? "Message" : `Message · ${period(timer.minutes, timer.from_read)}`;
  }

  enter(conversation) {
    this.#of = conversation.id;
    Object.assign(this, { answers: null, edited: null, timer: null });
    this.input.value = conversation.draft ?? "";
    this.grow();
    this.drawContext();
    this.buttons();
  }

  /** The conversation was left: what was begun is kept. */
  leave() {
    this.keepDraft();
    this.#of = null;
    this.recorder.cancel();
  }

  focus() {
    if (!this.bar.hidden) this.input.focus();
    else this.refusal.querySelector("button")?.focus();
  }

  /** Where one may not write, the reason stands in the place of the field. */
  refuse(conversation) {
    const name = this.thread.name;
    const { phone, ui } = this;
    const button = (text, what, more) => h("button", { type: "button", class: "button", onclick: () => phone.ask(what, { user: conversation.user, ...more }).catch(ui.fail) }, text);
    let why = null;
    if (conversation.blocked) why = [`You have blocked ${name}.`, button("Unblock", "block", { on: false })];
    else if (conversation.state === "denied") why = ["Not allowed: the rules forbid this conversation."];
    else if (conversation.not.write) why = [`Not allowed: ${conversation.not.write}.`];
    else if (conversation.trust === "changed") {
      why = [`${name}’s identity has changed. Messages wait until you verify or accept it.`,
        h("button", { type: "button", class: "button", onclick: () => openSafety(phone, ui, conversation) }, "Compare"), button("Accept", "accept", {})];
    }
    const sign = JSON.stringify([conversation.id, conversation.blocked, conversation.state, conversation.not.write, conversation.trust]);
    if (this.refusal.sign === sign) return;
    this.refusal.sign = sign;
    const held = this.bar.contains(document.activeElement);
    this.refusal.hidden = !why;
    this.bar.hidden = Boolean(why);
    fill(this.refusal, why && h("p", {}, icon("block"), why[0]), why?.slice(1));
    if (held && why) this.focus();
  }

  safety(conversation) {
    const sign = JSON.stringify([conversation.trust, conversation.state, this.phone.status.online, this.thread.name]);
    if (this.safe.sign === sign) return;
    this.safe.sign = sign;
    const name = this.thread.name;
    const verified = conversation.trust === "verified";
    const text = !this.phone.status.online ? "Offline: what you write waits, encrypted, on this phone"
      : conversation.state === "starting" ? "Setting up encryption: what you write waits"
      : verified ? `End-to-end encrypted · ${name} is verified` : `End-to-end encrypted with ${name}`;
    fill(this.safe, icon(this.phone.status.online ? (verified ? "shield" : "lock") : "offline"), h("span", { text }));
    this.safe.classList.toggle("is-verified", verified && this.phone.status.online);
  }

  typed() {
    this.grow();
    this.buttons();
    const at = Date.now();
    if (this.input.value.trim() && at - this.#said > SAY) {
      this.#said = at;
      this.phone.ask("typing", { conversation: this.#of, typing: true }).catch(() => {});
    }
    clearTimeout(this.#draft);
    if (!this.edited) this.#draft = setTimeout(() => this.keepDraft(), KEEP);
  }

  keepDraft() {
    clearTimeout(this.#draft);
    const conversation = this.phone.conversations.get(this.#of);
    if (!conversation || this.edited || this.input.value === (conversation.draft ?? "")) return;
    conversation.draft = this.input.value;
    this.phone.ask("draft", { conversation: this.#of, text: this.input.value }).catch(() => {});
  }

  key(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.submit();
    } else if (event.key === "Escape" && (this.answers || this.edited)) {
      event.stopPropagation();
      this.clearContext();
    } else if (event.key === "ArrowUp" && this.input.value === "") {
      event.preventDefault();
      this.thread.focusNewest();
    }
  }

  pasted(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    this.attach(files);
  }

  async submit() {
    const text = this.input.value.trim();
    const conversation = this.#of;
    if (!text) return;
    const { answers, edited, timer } = this;
    const terms = this.terms();
    this.#said = 0;
    if (answers || edited) this.clearContext();
    this.set("");
    this.timer = null;
    this.keepDraft();
    try {
      if (edited) await this.phone.ask("edit", { conversation, message: reference(edited), text });
      else await this.phone.ask("send", { conversation, text, terms });
    } catch (error) {
      this.ui.fail(error);
      // What was not sent is there to be sent again.
      if (this.#of === conversation && this.input.value === "") {
        Object.assign(this, { answers, edited, timer });
        this.set(text);
        this.drawContext();
      }
      return;
    }
    if (this.#of !== conversation) return;
    this.thread.toEnd();
    this.phone.tell("thread");
    if (!edited && notify.mayAsk()) this.ui.askForNotifications();
  }

  /** Puts a text into the field. */
  set(text) {
    this.input.value = text;
    this.grow();
    this.buttons();
  }

  /** What goes with the next message beside its content. */
  terms() {
    return { ...(this.answers && { answers: reference(this.answers) }), ...(this.timer && { period: this.timer }) };
  }

  answer(message) {
    this.answers = message;
    this.edited = null;
    this.drawContext();
    this.focus();
  }

  edit(message) {
    this.edited = message;
    this.answers = null;
    this.input.value = message.text;
    this.grow();
    this.drawContext();
    this.buttons();
    this.focus();
  }

  clearContext() {
    if (this.edited) this.input.value = this.phone.conversation?.draft ?? "";
    this.answers = null;
    this.edited = null;
    this.grow();
    this.drawContext();
    this.buttons();
    this.focus();
  }

  drawContext() {
    const of = this.edited ?? this.answers;
    this.context.hidden = !of;
    if (!of) return;
    const what = this.edited ? "Edit message" : `Reply to ${of.own ? "yourself" : this.thread.name}`;
    fill(this.context, icon(this.edited ? "edit" : "reply"),
      h("span", { class: "context-main" }, h("span", { class: "quotation-who", text: what }), h("span", { class: "quotation-text", text: summary(of) })),
      iconButton(icon("close"), this.edited ? "Do not edit" : "Do not reply", () => this.clearContext()));
  }

  buttons() {
    const empty = this.input.value.trim() === "" && !this.edited;
    this.send.hidden = empty;
    this.mic.hidden = !empty;
  }

  grow() {
    this.input.style.blockSize = "auto";
    this.input.style.blockSize = `${Math.min(this.input.scrollHeight, 120)}px`;
  }

  emoji() {
    this.ui.layer.sheet("Emoji", (close) => picker((emoji) => {
      const { selectionStart: start, selectionEnd: end } = this.input;
      this.input.setRangeText(emoji, start, end, "end");
      close();
      this.typed();
      this.focus();
    }));
  }

  chooseTimer() {
    openTimer(this.ui, {
      title: "Timer of this message", current: this.timer, conversation: this.phone.conversation,
      choose: (timer) => {
        this.timer = timer;
        this.draw(this.phone.conversation);
      },
    });
  }

  attach(files) {
    if (files.length === 0 || this.bar.hidden) return;
    openAttach(this, files);
  }

  record() {
    const reason = this.phone.conversation?.not.voice;
    if (reason) this.ui.say(`Not allowed: ${reason}.`);
    else this.recorder.start();
  }

  /** What goes with a file; it is used once. */
  takeTerms() {
    const terms = this.terms();
    this.timer = null;
    if (this.answers) this.clearContext();
    return terms;
  }
}
