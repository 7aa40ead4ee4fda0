export interface JsonObject {
  readonly [name: string]: unknown;
}

const units = [86_400_000, 3_600_000, 60_000, 1000, 1];

/** Two clocks that are read in one script may differ by so much, in ms. */
const blurMs = 2;

/** Turns times into words relative to `now`, and back: see redis-state.ts. */
export class Clock {
  readonly #since: number;
  readonly #until: number;

  /** `now` is every instant from `since` to `until`, in ms of Redis time. */
  constructor(since: number, until: number) {
    this.#since = since;
    this.#until = until;
  }

  /** Returns the text that is stored for a value of a seed. */
  toText(value: string | number | JsonObject): string {
    if (typeof value === 'string') return this.toNumbers(value);
    if (typeof value === 'number') return String(value);
    return JSON.stringify(value, (_, one: unknown) => {
      const text = typeof one === 'string' ? this.toNumbers(one) : one;
      return text === one ? one : Number(text);
    });
  }

  /** `now+60000` → `1700000060000`; any other text stays. */
  toNumbers(text: string): string {
    const word = /^now([+-]\d+)?$/.exec(text);
    return word ? String(this.#since + Number(word[1] ?? 0)) : text;
  }

  /** `1700000060000`, or the same in microseconds, → `now+60000`; any other text stays. */
  toWords(text: string): string {
    if (/^\d{13}$/.test(text)) return this.#words(Number(text));
    if (/^\d{16}$/.test(text)) return this.#words(Math.floor(Number(text) / 1000));
    return text;
  }

  /** Parses JSON objects, and replaces the times in them by words; any other text stays. */
  toParsed(text: string): string | JsonObject {
    if (!text.startsWith('{')) return this.toWords(text);
    try {
      return JSON.parse(text, (_, one: unknown) =>
        typeof one === 'number' ? this.#wordsOrNumber(one) : one,
      ) as JsonObject;
    } catch {
      return text;
    }
  }

  /** Like `toWords`, for an instant that is known to a millisecond or two. */
  sinceWords(time: number): string {
    if (time >= this.#since - blurMs) return 'now';
    return `now-${Math.round((this.#since - time) / 100) * 100}`;
  }

  #wordsOrNumber(value: number): number | string {
    const words = this.toWords(String(value));
    return words === String(value) ? value : words;
  }

  #words(time: number): string {
    // Scripts compute no times in the past: it was seeded, relative to `since`.
    if (time < this.#since) return `now-${this.#since - time}`;
    const least = time - this.#until;
    if (least <= 0) return 'now';
    // The time is later by at least `least`, at most `time - since`: the roundest number between is meant.
    const most = time - this.#since;
    const round = units.map((unit) => Math.ceil(least / unit) * unit).find((later) => later <= most);
    return `now+${round}`;
  }
}
