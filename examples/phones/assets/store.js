// What the page knows of one phone: what its engine said last. Views listen, and draw anew what they show.

/** Orders places as the engine does: by time, then device, then id. */
function comparePlaces(one, other) {
  const [at, device, id] = one.split(".");
  const [at2, device2, id2] = other.split(".");
  if (at !== at2) return Number(at) - Number(at2);
  if (device !== device2) return device < device2 ? -1 : 1;
  return id < id2 ? -1 : id > id2 ? 1 : 0;
}

export class Phone extends EventTarget {
  constructor(link, { user, name, role, status }) {
    super();
    Object.assign(this, { link, user, name, role, status });
    this.conversations = new Map();
    this.calls = new Map();
    this.hints = [];
    this.loaded = false;
    this.thread = null;
  }

  ask(what, more) {
    return this.link.ask(this.user, what, more);
  }

  /** Tells views: `list`, `thread`, `status`, `calls`, `hints`, `uploads`. */
  tell(...kinds) {
    for (const kind of kinds) this.dispatchEvent(new CustomEvent(kind));
  }

  on(kinds, listener) {
    for (const kind of [kinds].flat()) this.addEventListener(kind, listener);
  }

  /** Reads everything anew. */
  async load() {
    if (!this.status.alive) return;
    const { conversations, calls, hints } = await this.ask("list");
    this.conversations = new Map(conversations.filter(Boolean).map((one) => [one.id, one]));
    this.calls = new Map(calls.map((call) => [call.id, call]));
    this.hints = hints;
    this.loaded = true;
    if (this.thread) await this.#reload();
    this.tell("list", "thread", "calls", "hints");
  }

  /** Conversations as the list has them: pinned ones first, then by newest activity. */
  listed(archived = false) {
    const all = [...this.conversations.values()].filter((one) => one.archived === archived);
    return all.sort((one, other) => other.pinned - one.pinned || other.activity - one.activity);
  }

  get unread() {
    return this.listed().reduce((sum, one) => sum + one.unread, 0);
  }

  /** The call that this phone is in, or that rings here. */
  get call() {
    return [...this.calls.values()].find((call) => call.stage !== "over" && call.stage !== "elsewhere");
  }

  setStatus(status) {
    const [was, wasOnline] = [this.status.alive, this.status.online];
    this.status = status;
    if (!status.alive) {
      this.calls.clear();
      this.hints = [];
      this.tell("calls", "hints");
    }
    this.tell("status");
    if (!was && status.alive) this.load().catch(() => {});
    if (!wasOnline && status.online) this.tell("online");
  }

  /** Takes what has changed. */
  update(updates, hints) {
    const changed = new Set();
    for (const update of updates) this.#take(update, changed);
    if (hints) {
      this.hints = hints;
      changed.add("hints");
    }
    if (changed.has("resync")) this.load().catch(() => {});
    changed.delete("resync");
    this.tell(...changed);
  }

  #take(update, changed) {
    const here = this.thread && update.conversation === this.thread.id;
    switch (update.kind) {
      case "conversation":
        if (update.conversation) this.conversations.set(update.conversation.id, update.conversation);
        changed.add("list").add("thread");
        break;
      case "message":
        if (this.thread?.id === update.message.conversation) {
          this.#place(update.message, update.new);
          changed.add("thread");
        }
        break;
      case "removed":
        if (here && this.thread.messages.delete(update.place)) changed.add("thread");
        break;
      case "typing": {
        const conversation = this.conversations.get(update.conversation);
        if (conversation) conversation.typing = update.users;
        changed.add("list").add("thread");
        break;
      }
      case "transfer":
        this.#progress(update);
        changed.add("thread");
        break;
      case "call":
        this.calls.set(update.call.id, update.call);
        changed.add("calls").add("thread");
        break;
      case "resync":
        changed.add("resync");
        break;
      default:
        changed.add("calls");
    }
  }

  #place(message, isNew) {
    const thread = this.thread;
    // It may stand elsewhere than before.
    for (const [place, known] of thread.messages) {
      if (known.id === message.id && known.author === message.author && place !== message.place) thread.messages.delete(place);
    }
    const places = [...thread.messages.keys()];
    const oldest = places.length ? places.reduce((a, b) => (comparePlaces(a, b) < 0 ? a : b)) : null;
    if (oldest && thread.older && comparePlaces(message.place, oldest) < 0) return;
    if (thread.newer && !thread.messages.has(message.place) && isNew) return;
    thread.messages.set(message.place, message);
    if (isNew && !message.own && message.unread) thread.fresh += 1;
  }

  #progress(transfer) {
    if (this.thread?.id !== transfer.conversation) return;
    for (const message of this.thread.messages.values()) {
      if (message.id === transfer.message.id && message.author === transfer.message.author) {
        message.transfer = transfer.over && transfer.way === "down" ? null : transfer;
      }
    }
  }

  /** Opens a conversation: at its newest message, or around one. */
  async enter(id, place = null) {
    const fresh = { id, messages: new Map(), older: false, newer: false, firstUnread: null, fresh: 0, place, ready: false };
    this.thread = fresh;
    this.tell("thread");
    await this.#reload();
    this.tell("thread");
  }

  async leave() {
    this.thread = null;
    this.tell("thread");
    if (this.status.alive) await this.ask("leave").catch(() => {});
  }

  async #reload() {
    const thread = this.thread;
    const newest = await this.ask("enter", { conversation: thread.id });
    if (this.thread !== thread) return;
    this.conversations.set(thread.id, newest.conversation);
    let { messages, older } = newest;
    thread.newer = false;
    if (thread.place && !messages.some((message) => message.place === thread.place)) {
      const around = await this.ask("around", { conversation: thread.id, place: thread.place });
      if (this.thread !== thread) return;
      ({ messages, older } = around);
      thread.newer = around.newer;
    }
    if (!thread.ready) thread.firstUnread = newest.first_unread;
    thread.older = older;
    thread.ready = true;
    thread.messages = new Map(messages.map((message) => [message.place, message]));
  }

  /** Another page of messages; says whether it brought any. */
  async more(direction) {
    const thread = this.thread;
    const places = this.messages.map((message) => message.place);
    const has = direction === "older" ? thread?.older : thread?.newer;
    if (!has || thread.loading || places.length === 0) return false;
    thread.loading = direction;
    try {
      const edge = direction === "older" ? { before: places[0] } : { after: places[places.length - 1] };
      const page = await this.ask("page", { conversation: thread.id, ...edge });
      thread[direction] = page.more;
      for (const message of page.messages) thread.messages.set(message.place, message);
      if (direction === "newer" && !page.more) thread.place = null;
      return page.messages.length > 0;
    } finally {
      thread.loading = null;
      if (this.thread === thread) this.tell("thread");
    }
  }

  /** The messages of the open conversation, oldest first. */
  get messages() {
    if (!this.thread) return [];
    return [...this.thread.messages.values()].sort((one, other) => comparePlaces(one.place, other.place));
  }

  /** The conversation that is open. */
  get conversation() {
    return this.thread ? this.conversations.get(this.thread.id) : undefined;
  }
}

/** A message's name for the server. */
export const reference = ({ author, id }) => ({ author, id });
