// A phone's own settings: what others are told, and when it may disturb.

import { h, toggle } from "./dom.js";
import { fullTime } from "./format.js";
import { icon } from "./icons.js";

const HOUR = 3_600_000;

export async function openSettings(phone, ui) {
  const now = await phone.ask("settings").catch(ui.fail);
  if (!now) return;
  const flip = (label, key, hint) => {
    const button = toggle(label, now[key], (on) => {
      now[key] = on;
      button.setAttribute("aria-checked", String(on));
      phone.ask("privacy", { receipts: now.receipts, typing: now.typing }).catch(ui.fail);
    }, hint);
    return button;
  };
  ui.layer.sheet(`${phone.name}’s settings`, (close) => {
    const quiet = (label, ms, on) => h("button", {
      type: "button", class: "option", role: "radio", "aria-checked": String(on),
      onclick: () => {
        close();
        phone.ask("quiet", { ms }).then(() => {
          phone.quiet = ms !== 0;
          phone.tell("status");
        }).catch(ui.fail);
      },
    }, h("span", { text: label }), on && icon("check"));
    return [
      h("h4", { text: "Privacy" }),
      flip("Read receipts", "receipts", "Others learn that you have read."),
      flip("Typing", "typing", "Others see that you type, and you that they do."),
      h("h4", { text: "Do not disturb" }),
      h("div", { class: "options", role: "radiogroup", "aria-label": "Do not disturb" },
        quiet("Off", 0, !now.quiet), quiet("For an hour", HOUR, now.quiet && now.quiet_until !== null), quiet("Until I turn it off", -1, now.quiet && now.quiet_until === null)),
      now.quiet_until && h("p", { class: "hint", text: `Until ${fullTime(now.quiet_until)}.` }),
      h("p", { class: "hint" }, icon("lock"), "This phone’s engine runs in the server process of this page, with an encrypted store of its own."),
    ];
  });
}
