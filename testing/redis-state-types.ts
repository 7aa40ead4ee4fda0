import { type JsonObject } from './redis-state-clock.js';

/**
 * The whole content of a Redis as one plain object, and the reverse: what a test of a transition
 * seeds before, and compares after, the call.
 *
 * Keys stand without `fencepost:{0}:`. Words replace what the clock decides: times are
 * `now` (between seed and snapshot), `now+60000` or `now-5000`, in a seed too; entries that Redis
 * made since the seed are `new1`, `new2` … in each stream, also where a hash names them.
 */
export type RedisState = Readonly<Record<string, Value>>;

/** A string, a hash (`error` as parsed JSON, all else as text), or one of the tagged kinds. */
export type Value = string | HashState | ListState | SetState | SortedSetState | StreamState;

export type HashState = Readonly<Record<string, string | number | JsonObject>>;
/** In order; items that are JSON objects are shown parsed. */
export interface ListState {
  readonly list: readonly (string | JsonObject)[];
}
/** Sorted. */
export interface SetState {
  readonly set: readonly string[];
}
/** By score. */
export interface SortedSetState {
  readonly zset: readonly (readonly [member: string, score: string | number])[];
}
export interface StreamState {
  readonly stream: readonly (readonly [id: string, fields: Readonly<Record<string, string>>])[];
  /** The group's last delivered id. Left out: there is no group. */
  readonly delivered?: string;
  /** Pending entries, with their consumer and since when it has them; the lease is measured by this. */
  readonly pending?: readonly (readonly [id: string, consumer: string, since: string])[];
}
