/** A number for people: `12,345`, `97.5`. */
export function times(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 1 });
}

/** `1 fault`, `2,000 faults`. */
export function counted(value: number, noun: string): string {
  return `${times(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Formats a waiting time: `85 ms`, `1.24 s`, `12.4 s`. */
export function wait(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 9_995 ? 2 : 1)} s`;
}

/** A length of a run: `0:45`, `30:00`, `1:30:00`. */
export function span(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours === 0 ? `${minutes}:${two(seconds % 60)}` : `${hours}:${two(minutes)}:${two(seconds % 60)}`;
}
