// When messages go: of one message, or of all new ones of a conversation.

import { h, toggle } from "./dom.js";
import { period } from "./format.js";
import { icon } from "./icons.js";

const CHOICES = [-1, 0, 5, 60, 1_440, 10_080];

/** Lets somebody choose a period. `current` is `{ minutes, from_read }`, or `null` for the conversation's own. */
export function openTimer(ui, { title, current, conversation, choose, always = false }) {
  const own = { minutes: conversation.period, from_read: conversation.from_read };
  let fromRead = (current ?? own).from_read;
  ui.layer.sheet(title, (close) => {
    const pick = (timer) => {
      close();
      choose(timer);
    };
    const chosen = (minutes) => current !== null && current.minutes === minutes;
    const option = (label, on, act) => h("button", { type: "button", class: "option", role: "radio", "aria-checked": String(on), onclick: act }, h("span", { text: label }), on && icon("check"));
    const minutes = h("input", { class: "field", type: "number", min: "1", max: "500000", step: "1", placeholder: "Minutes", "aria-label": "Minutes" });
    const custom = () => {
      const value = Math.round(Number(minutes.value));
      if (value >= 1 && value <= 500_000) pick({ minutes: value, from_read: fromRead });
      else ui.say("A timer has 1 to 500,000 minutes.");
    };
    const reading = toggle("Start when it is read", fromRead, (on) => {
      fromRead = on;
      reading.setAttribute("aria-checked", String(on));
    }, "Else it starts when it is sent.");
    return [
      reading,
      h("div", { class: "options", role: "radiogroup", "aria-label": title },
        !always && option(`As the conversation: ${period(own.minutes, own.from_read)}`, current === null, () => pick(null)),
        CHOICES.map((value) => option(period(value), chosen(value), () => pick({ minutes: value, from_read: value > 0 && fromRead })))),
      h("form", { class: "inline-form", onsubmit: (event) => {
        event.preventDefault();
        custom();
      } }, minutes, h("button", { type: "submit", class: "button" }, "Set")),
      h("p", { class: "hint", text: "Both phones delete the message, its search entries and the key of its file: also while offline, and after a restart." }),
    ];
  });
}
