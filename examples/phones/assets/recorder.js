// Voice messages: recorded where the browser can and may, else an audio file. Duration and wave form come of the samples.

import { fill, h, iconButton } from "./dom.js";
import { length } from "./format.js";
import { icon } from "./icons.js";

/** Values of a wave form. */
const BARS = 64;
/** The longest recording, in milliseconds. */
const LONGEST = 10 * 60_000;

/** The duration in milliseconds and the wave form of sound, of 0 to 255. */
async function measure(blob) {
  const context = new OfflineAudioContext(1, 1, 44_100);
  const sound = await context.decodeAudioData(await blob.arrayBuffer());
  const samples = sound.getChannelData(0);
  const levels = Array.from({ length: BARS }, (_, bar) => {
    const part = samples.subarray(Math.floor((bar * samples.length) / BARS), Math.floor(((bar + 1) * samples.length) / BARS));
    return Math.sqrt(part.reduce((sum, value) => sum + value * value, 0) / Math.max(1, part.length));
  });
  const loudest = Math.max(...levels, 1e-6);
  return { duration: Math.round(sound.duration * 1000), wave: levels.map((level) => Math.round((level / loudest) * 255)) };
}

export class Recorder {
  #recorder = null;
  #timer = 0;

  constructor(composer) {
    Object.assign(this, { composer, phone: composer.phone, ui: composer.ui });
    this.element = h("div", { class: "recording", hidden: true });
    this.file = h("input", { type: "file", accept: "audio/*", class: "sr", tabindex: "-1", "aria-hidden": "true", onchange: () => {
      const [file] = this.file.files;
      this.file.value = "";
      if (file) this.send(file, file.type, file.name);
    } });
    composer.bar.append(this.file);
  }

  async start() {
    if (!globalThis.MediaRecorder || !navigator.mediaDevices?.getUserMedia) return this.file.click();
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      this.ui.say("No microphone: choose a recording instead.");
      return this.file.click();
    }
    const recorder = new MediaRecorder(stream);
    const chunks = [];
    const began = Date.now();
    recorder.addEventListener("dataavailable", (event) => chunks.push(event.data));
    recorder.addEventListener("stop", () => {
      stream.getTracks().forEach((track) => track.stop());
      this.over();
      // Only its name: what browsers add behind it is a parameter.
      const type = (recorder.mimeType || "audio/webm").split(";")[0];
      if (!recorder.dropped) this.send(new Blob(chunks, { type }), type, "voice");
    });
    recorder.start(250);
    this.#recorder = recorder;
    this.show(began);
    return undefined;
  }

  show(began) {
    const time = h("span", { class: "recording-time", text: "0:00" });
    this.composer.bar.hidden = true;
    this.element.hidden = false;
    const done = iconButton(icon("send"), "Send the voice message", () => this.finish(), { class: "send" });
    fill(this.element, iconButton(icon("trash"), "Throw the recording away", () => this.cancel()),
      h("span", { class: "recording-dot", "aria-hidden": "true" }), h("span", { role: "status" }, "Recording "), time, done);
    done.focus();
    this.#timer = setInterval(() => {
      time.textContent = length(Date.now() - began);
      if (Date.now() - began > LONGEST) this.finish();
    }, 250);
  }

  finish() {
    this.#recorder?.stop();
  }

  cancel() {
    if (!this.#recorder) return;
    this.#recorder.dropped = true;
    this.#recorder.stop();
  }

  over() {
    clearInterval(this.#timer);
    this.#recorder = null;
    this.element.hidden = true;
    this.composer.bar.hidden = false;
    this.composer.focus();
  }

  async send(blob, type, name) {
    const conversation = this.phone.thread?.id;
    if (!conversation) return;
    try {
      const { duration, wave } = await measure(blob);
      const terms = this.composer.takeTerms();
      const mediaType = type.replace(/^video\//, "audio/");
      this.ui.uploads.start(conversation, blob, { kind: { voice: { duration, wave } }, caption: "", terms, name, media_type: mediaType });
    } catch {
      this.ui.say("That is no recording that this browser can play.");
    }
  }
}
