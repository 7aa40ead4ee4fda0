/**
 * A place in a list of commands, newest first: by the first number, then the second, then the text,
 * all descending. A total order, so that a cursor names one place however many commands share a
 * millisecond.
 */
export type Position = readonly [major: number, minor: number, tie: string];

/** The order that a position belongs to: a cursor of one list means nothing in another. */
export type ListOrder = 'created' | 'failed' | 'queued' | 'running';

const letters = { created: 'c', failed: 'f', queued: 'q', running: 'r' } as const;

/** Whether `one` comes after `other` in a list. */
export function comesAfter(one: Position, other: Position): boolean {
  return compare(one, other) > 0;
}

/** For `sort`: newest first. Texts by code unit, as Redis sorts the ASCII that ids and queue names are. */
export function compare(one: Position, other: Position): number {
  if (one[0] !== other[0]) return other[0] - one[0];
  if (one[1] !== other[1]) return other[1] - one[1];
  if (one[2] === other[2]) return 0;
  return one[2] < other[2] ? 1 : -1;
}

/** Encodes a position as the text that clients send to continue a list. */
export function encodeCursor(order: ListOrder, [major, minor, tie]: Position): string {
  return Buffer.from(`${letters[order]}.${major}.${minor}.${tie}`).toString('base64url');
}

/** @returns undefined for a text that no list of this order gave out */
export function decodeCursor(order: ListOrder, cursor: string): Position | undefined {
  const parts = /^([a-z])\.(\d{1,16})\.(\d{1,16})\.([\w./-]{0,150})$/.exec(
    Buffer.from(cursor, 'base64url').toString('latin1'),
  );
  if (parts?.[1] !== letters[order]) return undefined;
  const position: Position = [Number(parts[2]), Number(parts[3]), parts[4] ?? ''];
  const isExact = Number.isSafeInteger(position[0]) && Number.isSafeInteger(position[1]);
  return isExact && encodeCursor(order, position) === cursor ? position : undefined;
}
