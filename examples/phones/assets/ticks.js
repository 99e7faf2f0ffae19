// How far an own message has come.

import { h, quiet } from "./dom.js";
import { icon } from "./icons.js";

const STATES = {
  queued: ["clock", "waiting"],
  sending: ["clock", "sending"],
  sent: ["check", "sent"],
  delivered: ["checks", "delivered"],
  read: ["checks", "read"],
  failed: ["failed", "not sent"],
};

/** The ticks of a message, with a word for screen readers. */
export function ticks(message) {
  if (!["text", "image", "file", "voice", "video", "card"].includes(message.kind)) return null;
  const [image, word] = STATES[message.state];
  return h("span", { class: `ticks is-${message.state}`, title: word, "data-state": message.state }, icon(image), quiet(word));
}
