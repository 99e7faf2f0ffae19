// How times, sizes and periods are said.

let ahead = 0;

/** Takes over by how much the phones' clock is ahead of this computer's. */
export function setClock(clock) {
  ahead = clock.now - Date.now();
}

/** What the phones' clock shows, in milliseconds since 1970. */
export const now = () => Date.now() + ahead;

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const shortFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });

export const clockTime = (at) => clockFormat.format(at);
export const fullTime = (at) => fullFormat.format(at);

const midnight = (at) => new Date(at).setHours(0, 0, 0, 0);

/** A day's name, as a line between messages. */
export function day(at) {
  const days = Math.round((midnight(now()) - midnight(at)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return dayFormat.format(at);
}

export const sameDay = (one, other) => midnight(one) === midnight(other);

/** A time in a list: the clock today, else the day. */
export function shortTime(at) {
  return sameDay(at, now()) ? clockTime(at) : shortFormat.format(at);
}

/** How long something still takes, in its greatest unit, rounded up. */
export function left(until) {
  const ms = Math.max(0, until - now());
  if (ms < 60_000) return `${Math.max(1, Math.ceil(ms / 1000))} s`;
  if (ms < 5_400_000) return `${Math.ceil(ms / 60_000)} min`;
  if (ms < 48 * 3_600_000) return `${Math.ceil(ms / 3_600_000)} h`;
  return `${Math.ceil(ms / 86_400_000)} days`;
}

/** Minutes and seconds of so many milliseconds. */
export function length(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Bytes, as people read them. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB"];
  let value = bytes / 1000;
  while (value >= 999.5 && units.length > 1) {
    value /= 1000;
    units.shift();
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[0]}`;
}

/** An auto-delete period in minutes. */
export function period(minutes, fromRead = false) {
  const after = fromRead ? " after reading" : "";
  if (minutes < 0) return "Never";
  if (minutes === 0) return "When read";
  if (minutes % 10_080 === 0) return plural(minutes / 10_080, "week") + after;
  if (minutes % 1_440 === 0) return plural(minutes / 1_440, "day") + after;
  if (minutes % 60 === 0) return plural(minutes / 60, "hour") + after;
  return plural(minutes, "minute") + after;
}

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
