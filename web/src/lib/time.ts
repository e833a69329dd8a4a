/** Times as a reader wants them; all take `now` so that they can be tested. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export function clockTime(at: Date, now: Date, locale?: string): string {
  const time = at.toLocaleTimeString(locale, { hour: "numeric", minute: "2-digit" });
  if (at.toDateString() === now.toDateString()) return time;
  return `${at.toLocaleDateString(locale, { weekday: "short", day: "numeric", month: "short" })}, ${time}`;
}

/** "in 27 min", rounded up so that it never promises too early. */
export function inWords(at: Date, now: Date): string {
  const left = at.getTime() - now.getTime();
  if (left <= 0) return "now";
  if (left < MINUTE) return "in less than a minute";
  if (left <= HOUR) return `in ${Math.ceil(left / MINUTE)} min`;
  const minutes = Math.ceil(left / MINUTE);
  const rest = minutes % 60;
  return `in ${Math.floor(minutes / 60)} h${rest === 0 ? "" : ` ${rest} min`}`;
}

export function dayAndTime(at: string | Date, locale?: string): string {
  return new Date(at).toLocaleString(locale, { dateStyle: "medium", timeStyle: "medium" });
}

/** As `dayAndTime`, for times whose seconds nobody needs. */
export function momentText(at: Date, locale?: string): string {
  return new Date(at).toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });
}

export function dateText(at: Date, locale?: string): string {
  return new Date(at).toLocaleDateString(locale, { dateStyle: "medium" });
}

export function shortDay(iso: string, locale?: string): string {
  return new Date(iso).toLocaleDateString(locale, { day: "numeric", month: "short" });
}
