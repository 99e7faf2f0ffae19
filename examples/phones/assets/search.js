// Search in all conversations, or in one: names, then messages with what was found marked.

import { fill, h, iconButton } from "./dom.js";
import { shortTime } from "./format.js";
import { icon } from "./icons.js";
import { avatar, roleChip, summary } from "./list.js";

/** How long after the last key it is searched. */
const PAUSE = 180;

/** A text whose marked parts stand out. */
function highlighted(text, marks = []) {
  const parts = [];
  let at = 0;
  for (const [start, end] of marks) {
    // What stands long before the first mark would push it out of sight.
    const from = at === 0 && start > 40 ? start - 24 : at;
    if (from > at) parts.push("…");
    parts.push(text.slice(from, start), h("mark", { text: text.slice(start, end) }));
    at = end;
  }
  parts.push(text.slice(at));
  return parts;
}

export class Search {
  #timer = 0;
  #run = 0;

  /** `view` is drawn anew when the search begins or ends; `conversation()` is where it searches, everywhere without. */
  constructor(phone, ui, view, conversation = () => null) {
    Object.assign(this, { phone, ui, view, conversation, active: false });
    const where = view ? "Search" : "Search in this conversation";
    this.input = h("input", {
      class: "field search-field", type: "search", placeholder: where, "aria-label": where, autocomplete: "off", spellcheck: "false",
      oninput: () => this.typed(),
      onkeydown: (event) => {
        if (event.key === "Escape" && this.active) {
          event.stopPropagation();
          this.end();
        }
      },
    });
    this.bar = h("div", { class: "search-bar", role: "search", "aria-label": `${where}, ${phone.name}` }, icon("search"), this.input,
      this.clear = iconButton(icon("close"), "Clear search", () => this.end(), { hidden: true }));
    this.results = h("div", { class: "results", hidden: true });
    this.status = h("p", { class: "sr", role: "status" });
    this.bar.append(this.status);
  }

  typed() {
    clearTimeout(this.#timer);
    const words = this.input.value.trim();
    if (!words) return this.end(false);
    this.#timer = setTimeout(() => this.find(words), PAUSE);
    return undefined;
  }

  end(focus = true) {
    clearTimeout(this.#timer);
    this.#run += 1;
    this.active = false;
    this.input.value = "";
    this.results.hidden = true;
    this.clear.hidden = true;
    fill(this.results);
    this.view?.draw();
    if (focus) this.input.focus();
  }

  async find(words) {
    const run = ++this.#run;
    this.active = true;
    this.results.hidden = false;
    this.clear.hidden = false;
    this.view?.draw();
    try {
      const found = await this.phone.ask("search", { words, conversation: this.conversation(), more: false });
      if (run === this.#run) this.show(found, words);
    } catch (error) {
      if (run === this.#run) fill(this.results, h("p", { class: "empty hint", text: error.message }));
    }
  }

  show(found, words) {
    const { conversations, hits } = found;
    this.status.textContent = `${hits.length} messages found`;
    const list = h("ul", { class: "rows" }, hits.map((hit) => this.hit(hit)));
    const more = h("button", { type: "button", class: "row-link", hidden: !found.more }, "More results");
    more.addEventListener("click", async () => {
      const next = await this.phone.ask("search", { words, conversation: this.conversation(), more: true });
      list.append(...next.hits.map((hit) => this.hit(hit)));
      more.hidden = !next.more;
    });
    fill(this.results,
      conversations.length > 0 && [h("h4", { text: "Conversations" }), h("ul", { class: "rows" }, conversations.map((one) => this.named(one)))],
      hits.length > 0 && [h("h4", { text: "Messages" }), list, more],
      conversations.length + hits.length === 0 && h("div", { class: "empty" },
        h("div", { class: "empty-art", "aria-hidden": "true" }, icon("search")),
        h("p", { class: "empty-title", text: "Nothing found" }),
        h("p", { class: "hint", text: "Words, beginnings of words and “phrases”, whatever their case and accents. What was deleted cannot be found." })));
  }

  named(one) {
    const name = one.name ?? one.user;
    return h("li", { class: "row-item" }, h("button", { type: "button", class: "row", onclick: () => this.open(one.id, null) },
      avatar(name, one.role),
      h("span", { class: "row-main" }, h("span", { class: "row-top" }, h("span", { class: "row-name", text: name }), roleChip(one.role)))));
  }

  hit(hit) {
    const conversation = this.phone.conversations.get(hit.conversation);
    const other = conversation?.name ?? conversation?.user ?? hit.author;
    const who = hit.own ? `You → ${other}` : other;
    const said = hit.text ? highlighted(hit.text, hit.text_marks) : [];
    const name = hit.name ? highlighted(hit.name, hit.name_marks) : [];
    return h("li", { class: "row-item" }, h("button", { type: "button", class: "row hit", onclick: () => this.open(hit.conversation, hit.place) },
      h("span", { class: "row-main" },
        h("span", { class: "row-top" }, h("span", { class: "row-name", text: who }),
          h("span", { class: "row-time", text: shortTime(hit.at) })),
        h("span", { class: "row-preview hit-text" }, said.length || name.length ? [name, name.length && said.length ? " · " : "", said] : summary(hit)))));
  }

  open(conversation, place) {
    if (this.view) this.ui.openThread(conversation, place);
    else this.onopen?.(place);
  }
}
