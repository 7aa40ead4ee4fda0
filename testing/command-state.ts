import { type Executed } from '../shared/protocol/commands.js';

/** A command's hash as Redis holds it: all text. */
export type Fields = Readonly<Record<string, string>>;

/**
 * Where a stream entry is. `acked` is still in the stream, but no agent holds it, and none will ever be
 * given it. `dangling` is the reverse: a row of the pending list whose entry was deleted.
 */
export type Place = 'queued' | 'pending' | 'acked' | 'dangling' | 'gone';

/** Everything that Redis holds of one command at one moment. */
export interface CommandState {
  /** null: there is no such hash. */
  readonly fields: Fields | null;
  readonly marker: string | null;
  readonly scheduled: boolean;
  /** The entry that the hash names as the current one; null if it names none. */
  readonly entry: { readonly id: string; readonly place: Place; readonly consumer: string | null } | null;
}

export const statusOf = (state: CommandState) => state.fields?.status ?? null;

export const isTerminal = (status: string | null | undefined) =>
  status === 'COMPLETED' || status === 'FAILED';

/** A counting field; absent means never counted. */
export const countOf = (fields: Fields | null, name: 'attempt' | 'losses' | 'failures') =>
  Number(fields?.[name] ?? 0);

const executedRank: Readonly<Record<string, number>> = { '': 0, no: 0, unknown: 1, yes: 2 };

/** How far the field `executed` was raised: no, unknown, yes; NaN for a word that is none of them. */
export const rankOfExecuted = (fields: Fields | null) => executedRank[fields?.executed ?? ''] ?? NaN;

/** Returns a command's own record of its execution. COMPLETED implies yes; the hot path does not write it. */
export function executedOf(fields: Fields): Executed {
  if (fields.status === 'COMPLETED') return 'yes';
  return fields.executed === 'yes' || fields.executed === 'unknown' ? fields.executed : 'no';
}

/** The JSON text of a field, or undefined if there is none or it is none. */
export function jsonOf(text: string | undefined): unknown {
  if (text === undefined || text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export function errorCodeOf(fields: Fields | null): string | undefined {
  const error = jsonOf(fields?.error);
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined;
}
