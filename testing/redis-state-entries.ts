import { type RedisState, type StreamState, type Value } from './redis-state-types.js';

const isStream = (value: Value): value is StreamState => typeof value !== 'string' && 'stream' in value;

function ticketIn(fields: object): { stream: string; entry: string } | undefined {
  if (!('entry' in fields && 'queue' in fields)) return undefined;
  const { entry, queue } = fields;
  if (typeof entry !== 'string' || typeof queue !== 'string') return undefined;
  return { stream: `commands:${queue}`, entry };
}

/** Names the entries that Redis made since the seed: `new1`, `new2` … in each stream. */
export class EntryNames {
  readonly #since: number;
  /** By stream, by entry id. */
  readonly #names = new Map<string, Map<string, string>>();

  /** @param since Redis time in ms */
  constructor(since: number) {
    this.#since = since;
  }

  applyTo(state: RedisState): RedisState {
    this.#collect(state);
    return Object.fromEntries(Object.entries(state).map(([key, value]) => [key, this.#rename(key, value)]));
  }

  /** Also what only a hash still names: an entry that was made and acknowledged since the seed. */
  #collect(state: RedisState): void {
    const ids = new Map<string, Set<string>>();
    const found = (stream: string, id: string) => {
      if (Number(id.split('-')[0]) < this.#since) return;
      ids.set(stream, (ids.get(stream) ?? new Set()).add(id));
    };
    for (const [key, value] of Object.entries(state)) {
      if (typeof value === 'string') continue;
      if (isStream(value)) {
        for (const [id] of [...value.stream, ...(value.pending ?? [])]) found(key, id);
        if (value.delivered !== undefined) found(key, value.delivered);
      } else {
        const ticket = ticketIn(value);
        if (ticket) found(ticket.stream, ticket.entry);
      }
    }
    for (const [stream, some] of ids) {
      const sorted = [...some].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
      this.#names.set(stream, new Map(sorted.map((id, i) => [id, `new${i + 1}`])));
    }
  }

  #rename(key: string, value: Value): Value {
    if (typeof value === 'string') return value;
    if (isStream(value)) {
      const { stream, delivered, pending } = value;
      return {
        stream: stream.map(([id, fields]) => [this.#name(key, id), this.#renameIn(fields)] as const),
        ...(delivered === undefined ? {} : { delivered: this.#name(key, delivered) }),
        ...(pending && { pending: pending.map(([id, ...rest]) => [this.#name(key, id), ...rest] as const) }),
      };
    }
    return this.#renameIn(value);
  }

  /** A hash, or the fields of a dead entry: both name a queue and an entry of its stream. */
  #renameIn<Fields extends object>(fields: Fields): Fields {
    const ticket = ticketIn(fields);
    return ticket ? { ...fields, entry: this.#name(ticket.stream, ticket.entry) } : fields;
  }

  #name(stream: string, id: string): string {
    return this.#names.get(stream)?.get(id) ?? id;
  }
}
