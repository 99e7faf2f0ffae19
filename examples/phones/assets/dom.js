// Elements are made here and nowhere else. What people wrote becomes text nodes only: there is no way to markup.

/** Makes an element. Keys that begin with `on` are listeners, `class` and `text` are what they say, the rest attributes. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "text") element.textContent = value;
    else if (key === "class") element.className = value;
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

/** Appends children; nothing, `null` and `false` are left out, strings are text. */
export function append(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    parent.append(child instanceof Node ? child : String(child));
  }
}

/** Puts new children in the place of the old ones. */
export function fill(parent, ...children) {
  parent.replaceChildren();
  append(parent, children);
  return parent;
}

/** Text for screen readers alone. */
export const quiet = (text) => h("span", { class: "sr", text });

/** A button with an icon, whose name is its label. */
export function iconButton(image, label, onclick, more = {}) {
  const { class: name = "", ...rest } = more;
  return h("button", { type: "button", class: `icon-button ${name}`, "aria-label": label, title: label, onclick, ...rest }, image);
}

/** A switch with a text. */
export function toggle(label, on, change, hint) {
  const button = h("button", {
    type: "button", role: "switch", class: "switch", "aria-checked": String(on),
    onclick: () => change(button.getAttribute("aria-checked") !== "true"),
  }, h("span", { class: "switch-text" }, h("span", { text: label }), hint && h("span", { class: "hint", text: hint })),
  h("span", { class: "switch-track", "aria-hidden": "true" }));
  return button;
}

/**
 * Makes the children of `parent` those of `items`, in their order, and keeps the nodes whose key stays. `draw(item)` makes a
 * node; it is called again only when `sign(item)` is another than before.
 */
export function reconcile(parent, items, { key, sign, draw }) {
  const known = new Map();
  const wanted = new Set(items.map(key));
  // What goes, goes first: a node that stays is then moved, and loses the focus, only if the order is another.
  for (const node of [...parent.children]) {
    if (wanted.has(node.dataset.key)) known.set(node.dataset.key, node);
    else node.remove();
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const mark = sign(item);
    let node = known.get(name);
    if (!node || node.sign !== mark) {
      const fresh = draw(item);
      fresh.dataset.key = name;
      fresh.sign = mark;
      if (node) {
        const held = node.contains(document.activeElement);
        const at = held ? focusables(node).indexOf(document.activeElement) : -1;
        if (place === node) place = fresh;
        node.replaceWith(fresh);
        // What had the focus has it again: the same part of it, if there is one.
        if (held) (focusables(fresh)[at] ?? fresh).focus({ preventScroll: true });
      }
      node = fresh;
    }
    if (node !== place) parent.insertBefore(node, place);
    else place = place.nextElementSibling;
  }
}

/** What can have the focus inside an element. */
export function focusables(element) {
  const all = element.querySelectorAll("button, a[href], input, textarea, select, [tabindex]");
  return [...all].filter((one) => !one.disabled && one.tabIndex >= 0 && one.getClientRects().length > 0);
}

/** Keeps the tab key inside an element. */
export function keepFocus(element, event) {
  if (event.key !== "Tab") return;
  const all = focusables(element);
  if (all.length === 0) return;
  const edge = event.shiftKey ? all[0] : all[all.length - 1];
  if (document.activeElement === edge || !element.contains(document.activeElement)) {
    event.preventDefault();
    (event.shiftKey ? all[all.length - 1] : all[0]).focus();
  }
}

/** Moves the focus among the elements of a list with the arrow keys. */
export function arrows(elements, event, { horizontal = false } = {}) {
  const [back, forth] = horizontal ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
  const at = elements.indexOf(document.activeElement);
  const to = { [back]: at - 1, [forth]: at + 1, Home: 0, End: elements.length - 1 }[event.key];
  if (to === undefined || elements.length === 0) return false;
  event.preventDefault();
  elements[(to + elements.length) % elements.length].focus();
  return true;
}
