// A number of seconds, as a user reads it (durations.py writes the same).

export function duration(seconds: number | null): string {
  if (seconds === null) {
    return "";
  }
  if (seconds < 0.0005) {
    return "< 1 ms";
  }
  if (seconds < 0.0995) {
    return `${Math.floor(1000 * seconds + 0.5)} ms`;
  }
  if (seconds < 0.995) {
    return `${seconds.toFixed(2)} s`;
  }
  if (seconds < 59.95) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.floor(seconds + 0.5);
  const two = (n: number): string => String(Math.floor(n)).padStart(2, "0");
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
    : `${Math.floor(whole / 3600)} h ${two((whole % 3600) / 60)} min`;
}
