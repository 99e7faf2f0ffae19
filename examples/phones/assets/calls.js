// A call over a phone's screen: it rings, goes on, and ends.

import { fill, h, quiet } from "./dom.js";
import { length, now } from "./format.js";
import { icon } from "./icons.js";
import { avatar, roleChip } from "./list.js";
import * as sound from "./sound.js";

export class CallScreen {
  #timer = 0;
  #shown = "";

  constructor(phone, ui, below) {
    Object.assign(this, { phone, ui, below });
    this.element = h("div", { class: "call", hidden: true, role: "dialog", "aria-modal": "false", "aria-label": "Call" });
    phone.on(["calls", "hints", "status"], () => this.draw());
  }

  draw() {
    const { call } = this.phone;
    this.ring(call);
    const sign = call ? `${call.id} ${call.stage}` : "";
    if (sign === this.#shown) return;
    const began = !this.#shown.startsWith(call?.id ?? " ");
    this.#shown = sign;
    clearInterval(this.#timer);
    const held = this.element.contains(document.activeElement);
    this.element.hidden = !call;
    this.below.inert = Boolean(call);
    if (!call) {
      fill(this.element);
      if (held) this.ui.focus();
      return;
    }
    if (began) this.ui.layer.close();
    this.show(call);
    if (held || (began && this.ui.isFocused)) this.element.querySelector("button")?.focus();
  }

  /** The ringtone goes by the engine's hint, which do-not-disturb silences. */
  ring(call) {
    const loud = this.phone.hints.some((hint) => hint.call === call?.id && hint.sound === "ringtone");
    const way = call?.stage === "ringing_in" ? (loud ? "in" : null) : call?.stage === "ringing_out" ? "out" : null;
    sound.setRinging(this.phone.user, way);
  }

  show(call) {
    const conversation = this.phone.conversations.get(call.conversation);
    const name = conversation?.name ?? call.other;
    const act = (what) => () => this.phone.ask(what, { call: call.id }).catch(this.ui.fail);
    const round = (image, label, what, kind) => h("button", { type: "button", class: `round ${kind}`, onclick: act(what) }, icon(image), h("span", { text: label }));
    const state = h("p", { class: "call-state", role: "status" });
    const what = call.video ? "Video call" : "Voice call";
    const buttons = {
      ringing_in: [round("hangup", "Decline", "decline", "is-bad"), round("phone", "Answer", "answer", "is-good")],
      ringing_out: [round("hangup", "Hang up", "hang_up", "is-bad")],
    }[call.stage] ?? [round("hangup", "Hang up", "hang_up", "is-bad")];
    state.textContent = { ringing_in: `${what} …`, ringing_out: this.phone.status.online ? "Ringing …" : "Waits for a connection …", accepting: "Connecting …" }[call.stage] ?? "0:00";
    if (call.stage === "active") {
      const tick = () => {
        state.textContent = length(now() - (call.answered ?? now()));
      };
      tick();
      this.#timer = setInterval(tick, 500);
    }
    fill(this.element,
      h("div", { class: `call-who ${call.stage === "active" ? "" : "is-ringing"}` }, avatar(name, conversation?.role, "is-huge"), h("h3", { text: name }), roleChip(conversation?.role), state),
      call.check && h("p", { class: "call-check", title: "A check of the key of this call: both phones show the same" }, icon("lock"), quiet("Key check "), call.check.match(/.{2}/g).join(" ")),
      h("p", { class: "call-note", text: call.stage === "active" ? "The engine has agreed on a media key. Sound and pictures are the host’s part; this page has none." : "" }),
      h("div", { class: "call-buttons" }, buttons));
  }
}
