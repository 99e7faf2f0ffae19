// Sounds, made by the browser itself. It plays none before somebody has touched the page.

let context = null;
let on = true;
let ringing = null;
/** Phones that ring, and how: `in` or `out`. */
const rings = new Map();

try {
  on = localStorage.getItem("sound") !== "off";
} catch {
  // Storage may be forbidden.
}

for (const event of ["pointerdown", "keydown"]) {
  addEventListener(event, () => {
    context ??= new AudioContext();
    if (context.state === "suspended") context.resume();
  }, { capture: true });
}

export const isOn = () => on;

export function setOn(wanted) {
  on = wanted;
  try {
    localStorage.setItem("sound", wanted ? "on" : "off");
  } catch {
    // Then it is on again next time.
  }
  ring();
}

function tone(frequency, start, length, loudness = 0.12) {
  const at = context.currentTime + start;
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.type = "sine";
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(loudness, at + 0.015);
  gain.gain.exponentialRampToValueAtTime(0.0001, at + length);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + length);
}

const ready = () => on && context?.state === "running";

/** The short one for a message. */
export function message() {
  played.message += 1;
  if (!ready()) return;
  tone(784, 0, 0.18);
  tone(1175, 0.09, 0.3);
}

/** How often what was to be heard: for tests, which have no ears. */
export const played = { message: 0, ring: 0 };

/** A phone rings (`in`), hears that it rings elsewhere (`out`), or does neither (`null`). */
export function setRinging(phone, way) {
  if (way) rings.set(phone, way);
  else rings.delete(phone);
  document.documentElement.dataset.ringing = [...rings.values()].includes("in") ? "in" : rings.size ? "out" : "";
  ring();
}

function ring() {
  const wanted = rings.size > 0 && on;
  if (wanted && !ringing) {
    ringing = setInterval(pulse, 2000);
    pulse();
  } else if (!wanted && ringing) {
    clearInterval(ringing);
    ringing = null;
  }
}

function pulse() {
  played.ring += 1;
  if (!ready()) return;
  if ([...rings.values()].includes("in")) {
    [659, 784, 988, 784].forEach((frequency, at) => tone(frequency, at * 0.16, 0.3));
    [659, 784, 988].forEach((frequency, at) => tone(frequency, 0.75 + at * 0.16, 0.35));
  } else {
    tone(440, 0, 0.9, 0.05);
  }
}
