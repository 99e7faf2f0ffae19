// Whom one may write to: the rules are asked before a button is drawn.

import { fill, h, reconcile } from "./dom.js";
import { icon } from "./icons.js";
import { avatar, roleChip } from "./list.js";

/** How often roles are asked for again while the directory has not answered. */
const AGAIN = 600;

export function openPeople(phone, ui) {
  let closed = false;
  const list = h("ul", { class: "people" });
  ui.layer.sheet("New conversation", (close) => [
    h("p", { class: "hint", text: `What ${phone.name} may do as ${phone.role} is decided by the platform’s rules, on this phone, on the other one and at the relay.` }),
    draw(close),
  ], { onclose: () => { closed = true; } });

  function draw(close) {
    phone.ask("people").then((people) => {
      if (closed) return;
      reconcile(list, people, { key: (person) => person.user, sign: (person) => JSON.stringify(person), draw: (person) => row(person, close) });
      if (people.some((person) => !person.role)) setTimeout(() => !closed && draw(close), AGAIN);
    }).catch((error) => fill(list, h("li", { class: "hint", text: error.message })));
    return list;
  }

  function row(person, close) {
    const reason = person.not;
    const name = person.name ?? person.user;
    const why = `why-${phone.user}-${person.user}`;
    const start = async () => {
      if (reason) return ui.say(`Not allowed: ${reason}.`);
      try {
        const conversation = await phone.ask("start", { user: person.user });
        phone.conversations.set(conversation.id, conversation);
        close();
        return ui.openThread(conversation.id);
      } catch (error) {
        return ui.fail(error);
      }
    };
    return h("li", { class: "person" },
      avatar(name, person.role),
      h("div", { class: "person-main" },
        h("div", { class: "row-top" }, h("span", { class: "row-name", text: name }), roleChip(person.role)),
        h("p", { class: `hint ${reason ? "is-denied" : ""}`, id: why },
          reason ? [icon("block"), `Disabled: ${reason}.`] : person.role ? "You may start a conversation." : "Asking the directory …")),
      h("button", {
        type: "button", class: "button", "aria-disabled": reason ? "true" : undefined, "aria-describedby": why,
        "aria-label": `Message ${name}`, onclick: start,
      }, "Message"));
  }
}
