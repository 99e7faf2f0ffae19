// The page: a clock and a few switches on top, three phones, and between them what the relay sees.

import { fill, h, iconButton, quiet, arrows } from "./dom.js";
import { clockTime, left, now, setClock } from "./format.js";
import { icon } from "./icons.js";
import { Link } from "./link.js";
import { PhoneView } from "./phone.js";
import { RelayView } from "./relay-view.js";
import * as sound from "./sound.js";
import { Phone } from "./store.js";

const MINUTE = 60_000;
const STEPS = [["1 min", MINUTE], ["1 hour", 60 * MINUTE], ["1 day", 1440 * MINUTE], ["1 week", 10_080 * MINUTE]];
const THEMES = { light: ["sun", "Light"], dark: ["moon", "Dark"], "": ["auto", "As the system"] };

const stage = document.getElementById("stage");
const top = document.getElementById("top");
const phones = new Map();
let relay = null;
let clock = { ahead: 0 };

const link = new Link({
  told: (message) => hear(message),
  changed: (connected) => {
    document.body.classList.toggle("is-gone", !connected);
    if (connected) begin().catch((error) => fill(stage, h("p", { class: "plain", text: error.message })));
  },
});

/** Reads everything, at the start and whenever the server was gone. */
async function begin() {
  const hello = await link.ask(undefined, "hello");
  tellClock(hello.clock);
  if (phones.size === 0) {
    build(hello.phones);
    document.documentElement.dataset.ready = "yes";
  }
  relay.add(hello.sights);
  for (const { user, status } of hello.phones) {
    const { phone, view } = phones.get(user);
    phone.setStatus(status);
    await phone.load();
    view.drawBar();
  }
}

function build(people) {
  relay = new RelayView(new Map(people.map(({ user, name }) => [user, name])));
  for (const person of people) {
    const phone = new Phone(link, person);
    phones.set(person.user, { phone, view: new PhoneView(phone) });
  }
  const [first, ...rest] = [...phones.values()].map(({ view }) => view.element);
  const tabs = switcher(people);
  fill(stage, tabs, h("div", { class: "table" }, first, relay.element, rest));
  fill(top,
    h("div", { class: "brand" }, h("img", { src: "/assets/icon.svg", alt: "", width: 28, height: 28 }), h("h1", { text: "Undertone" }), h("p", { class: "hint", text: "Three phones and a relay" })),
    clockBox(), tools());
  show(people[0].user);
}

/** Where there is room for one phone: which. */
function switcher(people) {
  const entries = [...people.map(({ user, name }) => [user, name]), ["relay", "Relay"]];
  const tabs = entries.map(([key, name]) => h("button", { type: "button", role: "tab", class: "tab", "data-tab": key, onclick: () => show(key) }, name, h("span", { class: "badge", hidden: true })));
  const bar = h("div", { class: "tabs", role: "tablist", "aria-label": "Phones" }, tabs);
  bar.addEventListener("keydown", (event) => {
    if (arrows(tabs, event, { horizontal: true })) show(document.activeElement.dataset.tab);
  });
  for (const { phone } of phones.values()) {
    phone.on(["list", "calls"], () => {
      const badge = bar.querySelector(`[data-tab=${phone.user}] .badge`);
      badge.hidden = phone.unread === 0 && phone.call?.stage !== "ringing_in";
      fill(badge, phone.call?.stage === "ringing_in" ? icon("phone") : String(phone.unread), quiet(" new"));
    });
  }
  return bar;
}

function show(key) {
  stage.dataset.shown = key;
  for (const tab of stage.querySelectorAll(".tab")) {
    const on = tab.dataset.tab === key;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
  }
  for (const { phone, view } of phones.values()) {
    view.element.classList.toggle("is-shown", phone.user === key);
    if (phone.user === key) phone.tell("thread");
  }
  relay.element.classList.toggle("is-shown", key === "relay");
}

function clockBox() {
  const time = h("span", { class: "clock-time" });
  const ahead = h("span", { class: "hint" });
  const box = h("div", { class: "clock", role: "group", "aria-label": "The clock of all phones and of the relay" },
    h("span", { class: "clock-face" }, icon("clock"), time, ahead),
    STEPS.map(([name, ms]) => h("button", {
      type: "button", class: "button is-small", "aria-label": `Move the clock on by ${name}`, onclick: () => link.ask(undefined, "advance", { ms }).then(tellClock),
    }, `+${name}`)));
  const tick = () => {
    time.textContent = clockTime(now());
    ahead.textContent = clock.ahead >= MINUTE ? `+${left(now() + clock.ahead)}` : "";
  };
  box.tick = tick;
  box.dataset.clock = "";
  tick();
  return box;
}

function tools() {
  const bell = iconButton(icon("sound"), "", () => {
    sound.setOn(!sound.isOn());
    drawSound();
  });
  function drawSound() {
    bell.replaceChildren(icon(sound.isOn() ? "sound" : "silent"));
    bell.setAttribute("aria-label", "Sound");
    bell.setAttribute("aria-pressed", String(sound.isOn()));
    bell.title = sound.isOn() ? "Sound is on" : "Sound is off";
  }
  drawSound();
  const theme = iconButton(icon("auto"), "", () => nextTheme());
  function drawTheme() {
    const [image, name] = THEMES[document.documentElement.dataset.theme ?? ""];
    theme.replaceChildren(icon(image));
    theme.setAttribute("aria-label", `Theme: ${name}`);
    theme.title = `Theme: ${name}`;
  }
  function nextTheme() {
    const all = Object.keys(THEMES);
    const chosen = all[(all.indexOf(document.documentElement.dataset.theme ?? "") + 1) % all.length];
    if (chosen) document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
    try {
      localStorage.setItem("theme", chosen);
    } catch {
      // Then it is the system's next time.
    }
    drawTheme();
  }
  drawTheme();
  const about = h("details", { class: "about" }, h("summary", { class: "icon-button", "aria-label": "About this page" }, icon("info")),
    h("div", { class: "about-text" },
      h("p", {}, h("strong", { text: "Where things run. " }), "The three engines run in the server process that served this page, one for each phone, with encrypted stores of their own. The page is only their screen."),
      h("p", { text: "Between them is a real relay, over real WebSockets, which keeps sealed files as well. They share nothing else." }),
      h("p", { text: "Everything is gone when the server ends. It listens on this machine only." })));
  about.addEventListener("keydown", (event) => {
    if (event.key === "Escape") about.open = false;
  });
  document.addEventListener("click", (event) => {
    if (!about.contains(event.target)) about.open = false;
  });
  return h("div", { class: "tools-bar" }, bell, theme, about);
}

function tellClock(told) {
  clock = told;
  setClock(told);
  tick();
}

function hear(message) {
  if (message.clock) tellClock(message.clock);
  if (message.sights) relay?.add(message.sights);
  if (message.resync) for (const { phone } of phones.values()) phone.load().catch(() => {});
  const known = phones.get(message.phone);
  if (!known) return;
  if (message.status) known.phone.setStatus(message.status);
  if (message.updates) known.phone.update(message.updates, message.hints);
}

let minute = "";
/** What goes on by itself: clocks, and how long messages still have. */
function tick() {
  top.querySelector("[data-clock]")?.tick();
  for (const goes of document.querySelectorAll("[data-goes]")) {
    const text = left(Number(goes.dataset.goes));
    if (goes.textContent !== text) goes.textContent = text;
  }
  const shown = clockTime(now());
  if (shown !== minute) {
    minute = shown;
    for (const { view } of phones.values()) view.drawBar();
  }
}

setInterval(tick, 1000);
document.addEventListener("visibilitychange", () => {
  for (const { phone } of phones.values()) phone.tell("thread");
});
link.connect();
