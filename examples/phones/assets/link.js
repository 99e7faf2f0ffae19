// The page's one WebSocket: what is asked gets an answer, and the server says by itself what has changed.

/** What the server refused, with its stable code. */
class Refused extends Error {
  constructor({ code, text }) {
    super(text);
    this.code = code;
  }
}

export class Link {
  #socket = null;
  #next = 1;
  #waiting = new Map();
  #pause = 250;

  /** `told` gets what the server says by itself; `changed` whether there is a connection. */
  constructor({ told, changed }) {
    this.told = told;
    this.changed = changed;
  }

  /** Connects, and again whenever the connection is lost. */
  connect() {
    const socket = new WebSocket(`ws://${location.host}/socket`);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#pause = 250;
      this.changed(true);
    });
    socket.addEventListener("message", (event) => this.#heard(JSON.parse(event.data)));
    socket.addEventListener("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Refused({ code: "page.gone", text: "The server is gone." }));
      this.#waiting.clear();
      this.changed(false);
      setTimeout(() => this.connect(), this.#pause);
      this.#pause = Math.min(this.#pause * 2, 5000);
    });
  }

  /** Asks for something on a phone, or for what is no phone's; resolves to the answer. */
  ask(phone, what, more = {}) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        reject(new Refused({ code: "page.gone", text: "There is no connection to the server." }));
        return;
      }
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, phone, ask: { do: what, ...more } }));
    });
  }

  #heard(message) {
    if (!("id" in message)) {
      this.told(message);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error) waiting?.reject(new Refused(message.error));
    else waiting?.resolve(message.ok);
  }
}
