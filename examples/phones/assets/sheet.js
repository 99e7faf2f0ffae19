// What comes up over a phone's screen: sheets with a title, and menus. One at a time on each phone; Escape closes it, and
// the focus goes back to where it was.

import { arrows, focusables, h, iconButton, keepFocus } from "./dom.js";
import { icon } from "./icons.js";

export class Layer {
  #open = null;

  /** `screen` is what lies below; it cannot be reached meanwhile. */
  constructor(place, screen) {
    this.place = place;
    this.screen = screen;
  }

  get isOpen() {
    return this.#open !== null;
  }

  /** Opens a sheet. `content` may be a function of `close`. */
  sheet(title, content, { wide = false, onclose } = {}) {
    const close = () => this.close();
    const name = `sheet-${Math.random().toString(36).slice(2)}`;
    const body = h("div", { class: "sheet-body" });
    const panel = h("div", { class: `sheet ${wide ? "sheet-wide" : ""}`, role: "dialog", "aria-modal": "true", "aria-labelledby": name },
      h("div", { class: "sheet-head" },
        h("h3", { id: name, text: title }),
        iconButton(icon("close"), "Close", close)),
      body);
    body.append(...[typeof content === "function" ? content(close) : content].flat().filter(Boolean));
    body.addEventListener("keydown", (event) => {
      const group = event.target.closest("[role=radiogroup]");
      if (group) arrows([...group.querySelectorAll("[role=radio]")], event);
    });
    this.#show(panel, onclose);
    return body;
  }

  /** Opens a menu of `{ label, image, act, danger, off }`. */
  menu(label, items, { before } = {}) {
    const choose = (act) => {
      this.close();
      act();
    };
    const rows = items.filter(Boolean).map(({ label: text, image, act, danger, off }) =>
      h("button", {
        type: "button", role: "menuitem", class: `menu-item ${danger ? "danger" : ""}`,
        "aria-disabled": off ? "true" : undefined,
        onclick: () => !off && choose(act),
      }, icon(image), h("span", { class: "menu-text" }, text, off && h("span", { class: "hint", text: off }))));
    const list = h("div", { class: "menu", role: "menu", "aria-label": label }, rows);
    list.addEventListener("keydown", (event) => arrows(rows, event));
    this.#show(h("div", { class: "sheet sheet-menu", role: "dialog", "aria-modal": "true", "aria-label": label }, before?.(() => this.close()), list));
  }

  #show(panel, onclose) {
    this.close();
    const back = document.activeElement;
    const cover = h("div", { class: "cover", onclick: (event) => event.target === cover && this.close() }, panel);
    cover.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") this.close();
      keepFocus(panel, event);
    });
    this.place.append(cover);
    this.screen.inert = true;
    this.#open = { cover, back, onclose };
    const first = panel.querySelector(".sheet-body") ?? panel;
    (focusables(first)[0] ?? focusables(panel)[0])?.focus({ preventScroll: true });
  }

  close() {
    if (!this.#open) return;
    const { cover, back, onclose } = this.#open;
    this.#open = null;
    this.screen.inert = false;
    const held = cover.contains(document.activeElement);
    cover.remove();
    if (held && back?.isConnected) back.focus({ preventScroll: true });
    onclose?.();
  }
}
