// Files on their way: looked at before they are sent, then handed to the engine with progress.

import { h, iconButton, toggle } from "./dom.js";
import { size } from "./format.js";
import { icon } from "./icons.js";

const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** Shows what is about to be sent, and sends it. */
export function openAttach(composer, files) {
  const { phone, ui } = composer;
  const { not } = phone.conversation;
  let blurred = false;
  const pictures = files.filter((file) => PICTURES.includes(file.type));
  const urls = [];
  const tiles = files.map((file) => {
    if (!PICTURES.includes(file.type)) {
      return h("div", { class: "file" }, h("span", { class: "file-icon" }, icon("file")), h("span", { class: "file-main" }, h("span", { class: "file-name", text: file.name }), h("span", { class: "hint", text: size(file.size) })));
    }
    const url = URL.createObjectURL(file);
    urls.push(url);
    return h("img", { class: "attach-picture", src: url, alt: file.name });
  });
  const caption = h("input", { class: "field", type: "text", placeholder: "Caption", "aria-label": "Caption", maxlength: "2000" });
  const reason = (pictures.length && not.image) || (pictures.length < files.length && not.file);
  ui.layer.sheet(files.length === 1 ? "Send a file" : `Send ${files.length} files`, (close) => {
    const send = () => {
      const terms = composer.takeTerms();
      files.forEach((file, at) => {
        const kind = PICTURES.includes(file.type) ? { image: { blurred } } : { file: {} };
        const text = at === 0 ? caption.value.trim() : "";
        ui.uploads.start(phone.thread.id, file, { kind, caption: text, terms, name: file.name, media_type: file.type || "application/octet-stream" });
      });
      close();
      composer.focus();
    };
    caption.addEventListener("keydown", (event) => event.key === "Enter" && !reason && send());
    const blur = toggle("Blur until tapped", false, (on) => {
      blurred = on;
      blur.setAttribute("aria-checked", String(on));
      preview.classList.toggle("is-blurred", on);
    }, "The other phone gets no thumbnail, only its colours.");
    const preview = h("div", { class: "attach-preview" }, tiles);
    return [
      preview, caption, pictures.length > 0 && blur,
      pictures.length > 0 && h("p", { class: "hint", text: "Photos are made smaller, and lose what cameras write into them: place, device, time." }),
      reason && h("p", { class: "hint is-denied", text: `Not allowed: ${reason}.` }),
      h("div", { class: "sheet-actions" }, h("button", { type: "button", class: "button is-primary", disabled: Boolean(reason), onclick: send }, icon("send"), "Send")),
    ];
  }, { onclose: () => urls.forEach((url) => URL.revokeObjectURL(url)) });
}

/** Files that are being handed to the engine of a phone. */
export class Uploads {
  #next = 1;
  #all = new Map();

  constructor(phone, ui) {
    Object.assign(this, { phone, ui });
  }

  of(conversation) {
    return [...this.#all.values()].filter((upload) => upload.conversation === conversation);
  }

  /** Hands a file over; `about` says what it is. */
  start(conversation, file, about) {
    const request = new XMLHttpRequest();
    const id = this.#next++;
    const upload = { id, conversation, name: about.name, percent: 0, line: () => this.line(upload, request) };
    this.#all.set(id, upload);
    const ended = () => {
      this.#all.delete(id);
      this.phone.tell("uploads");
    };
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      upload.percent = total ? Math.round((loaded / total) * 100) : 0;
      this.phone.tell("uploads");
    });
    request.addEventListener("load", () => {
      ended();
      if (request.status >= 400) this.ui.fail(this.#fault(request));
      else this.ui.thread.toEnd();
    });
    request.addEventListener("error", () => {
      ended();
      this.ui.say(`${about.name} did not reach the server.`);
    });
    request.addEventListener("abort", ended);
    request.open("POST", `/phones/${this.phone.user}/files?about=${encodeURIComponent(JSON.stringify({ conversation, ...about }))}`);
    request.send(file);
    this.phone.tell("uploads");
  }

  #fault(request) {
    try {
      return new Error(JSON.parse(request.responseText).error.text);
    } catch {
      return new Error(`The server refused the file (${request.status}).`);
    }
  }

  line(upload, request) {
    const draw = () => {
      const bar = h("span", { class: "progress-bar" });
      bar.style.inlineSize = `${upload.percent}%`;
      return h("li", { class: "message is-own is-upload" }, h("div", { class: "bubble" },
        h("div", { class: "file" }, h("span", { class: "file-icon" }, icon("file")), h("span", { class: "file-main" }, h("span", { class: "file-name", text: upload.name }), h("span", { class: "hint", text: "To the engine …" })),
          iconButton(icon("close"), `Do not send ${upload.name}`, () => request.abort())),
        h("div", { class: "progress", role: "progressbar", "aria-label": `Sending ${upload.name}`, "aria-valuenow": upload.percent, "aria-valuemin": 0, "aria-valuemax": 100 }, bar)));
    };
    return { key: `upload ${upload.id}`, sign: String(upload.percent), draw };
  }
}
