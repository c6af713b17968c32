// Points in time, as a user reads them in a narrow column.

const DAY_MS = 86_400_000;

// The clock for today, the date for what is older. `at` is unix seconds.
export function when(at: number | null, now = Date.now()): string {
  if (!at) {
    return "";
  }
  const date = new Date(at * 1000);
  const sameDay = new Date(now).toDateString() === date.toDateString();
  if (sameDay) {
    return date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  }
  const year = now - date.getTime() > 300 * DAY_MS ? ({ year: "numeric" } as const) : {};
  return date.toLocaleDateString(undefined, { month: "short", day: "numeric", ...year });
}
