// What messages carry: pictures that may be hidden until tapped, voice messages, files, and how far they have come.

import { h, iconButton, quiet } from "./dom.js";
import { length, size } from "./format.js";
import { icon, wave } from "./icons.js";

/** Pictures that were revealed, and voice messages that are loaded, by message: they stay so while the page is open. */
const revealed = new Set();
const audios = new Map();

const nameOf = (phone, message) => `${phone.user} ${message.author} ${message.id}`;

/** Where the file of a message is fetched. */
export const fileUrl = (phone, message, save = false) =>
  `/phones/${phone.user}/files/${message.conversation}/${encodeURIComponent(message.author)}/${message.id}${save ? "?save=true" : ""}`;

/** What a message carries; `null` for nothing. */
export function media(thread, message) {
  switch (message.kind) {
    case "image": return picture(thread, message);
    case "voice": return voice(thread, message);
    case "file": case "video": return file(thread, message);
    default: return null;
  }
}

function progress(thread, message) {
  const { transfer } = message;
  if (!transfer || (transfer.over && message.uploaded)) return null;
  const percent = transfer.size ? Math.round((transfer.done / transfer.size) * 100) : 0;
  const up = transfer.way === "up";
  const waits = up && !thread.phone.status.online;
  return h("div", { class: "progress-row" },
    h("div", { class: "progress", role: "progressbar", "aria-label": up ? "Encrypting and uploading" : "Downloading", "aria-valuenow": percent, "aria-valuemin": 0, "aria-valuemax": 100 },
      bar(percent)),
    h("span", { class: "hint", text: waits ? "Waits for a connection" : `${percent} %` }));
}

function bar(percent) {
  const inner = h("span", { class: "progress-bar" });
  inner.style.inlineSize = `${percent}%`;
  return inner;
}

function picture(thread, message) {
  const key = nameOf(thread.phone, message);
  const hidden = message.blurred && !revealed.has(key);
  const frame = h("div", { class: "picture" });
  // Its place is there before it is, so that nothing moves.
  frame.style.aspectRatio = `${message.width} / ${message.height}`;
  frame.style.inlineSize = `${Math.min(230, Math.max(120, (230 * message.width) / Math.max(message.height, 1)))}px`;
  if (message.blur) frame.append(blurred(message.blur));
  else if (message.preview) frame.append(h("img", { src: message.preview, alt: "" }));
  if (hidden) {
    frame.append(h("button", {
      type: "button", class: "reveal", onclick: () => {
        revealed.add(key);
        thread.redraw(message);
      },
    }, icon("eye"), h("span", { text: "Tap to reveal" }), quiet(" the hidden photo")));
  } else {
    if (message.preview) frame.append(h("img", { src: message.preview, alt: "" }));
    if (message.uploaded) frame.append(full(thread, message));
    if (message.blurred) {
      frame.append(iconButton(icon("hidden"), "Hide the photo", () => {
        revealed.delete(key);
        thread.redraw(message);
      }, { class: "hide-again" }));
    }
  }
  return [frame, progress(thread, message)];
}

function full(thread, message) {
  const alt = message.text ? `Photo: ${message.text}` : "Photo";
  const image = h("img", { src: fileUrl(thread.phone, message), alt, class: "full" });
  const button = h("button", { type: "button", class: "zoom", "aria-label": `Open ${alt}`, onclick: () => zoom(thread, message, alt) }, image);
  image.addEventListener("error", () => {
    button.replaceWith(h("button", { type: "button", class: "reveal", onclick: () => thread.redraw(message) }, icon("offline"), "Not loaded. Try again"));
  });
  return button;
}

function zoom(thread, message, alt) {
  thread.ui.layer.sheet(message.name ?? "Photo", () => [
    h("img", { class: "zoomed", src: fileUrl(thread.phone, message), alt }),
    h("div", { class: "sheet-actions" },
      h("button", { type: "button", class: "button", onclick: () => thread.save(message) }, icon("download"), "Save")),
  ], { wide: true });
}

function blurred({ width, height, pixels }) {
  const canvas = h("canvas", { width, height, class: "blur", "aria-hidden": "true" });
  const bytes = Uint8ClampedArray.from(atob(pixels), (char) => char.charCodeAt(0));
  canvas.getContext("2d").putImageData(new ImageData(bytes, width, height), 0, 0);
  return canvas;
}

function voice(thread, message) {
  const key = nameOf(thread.phone, message);
  const shape = wave(message.wave);
  const time = h("span", { class: "voice-time", text: length(message.duration) });
  const button = iconButton(icon("play"), "Play voice message", () => play(), { class: "voice-play", disabled: !message.uploaded });
  const bars = [...shape.children];
  function show(audio) {
    const part = Math.min(1, (audio.currentTime * 1000) / Math.max(1, message.duration));
    bars.forEach((one, at) => one.classList.toggle("is-played", at / bars.length < part));
    time.textContent = length(audio.paused && audio.currentTime === 0 ? message.duration : audio.currentTime * 1000);
    button.replaceChildren(icon(audio.paused ? "play" : "pause"));
    button.setAttribute("aria-label", audio.paused ? "Play voice message" : "Pause voice message");
  }
  function listen(audio) {
    audio.shown = show;
  }
  async function play() {
    let audio = audios.get(key);
    if (!audio) {
      audio = new Audio(fileUrl(thread.phone, message));
      for (const event of ["timeupdate", "play", "pause"]) audio.addEventListener(event, () => audio.shown(audio));
      audio.addEventListener("ended", () => {
        audio.currentTime = 0;
        audio.shown(audio);
      });
      audios.set(key, audio);
    }
    listen(audio);
    if (!audio.paused) return audio.pause();
    for (const other of audios.values()) if (other !== audio) other.pause();
    return audio.play().catch(() => {
      audios.delete(key);
      thread.ui.say("It cannot be played here.");
    });
  }
  if (audios.has(key)) listen(audios.get(key));
  return [h("div", { class: "voice" }, button, shape, time), progress(thread, message)];
}

function file(thread, message) {
  const name = message.name ?? "File";
  return [h("div", { class: "file" },
    h("span", { class: "file-icon", "aria-hidden": "true" }, icon("file")),
    h("span", { class: "file-main" }, h("span", { class: "file-name", text: name }), h("span", { class: "hint", text: size(message.size) })),
    message.uploaded && iconButton(icon("download"), `Save ${name}`, () => thread.save(message), { class: "file-save" })),
  progress(thread, message)];
}
