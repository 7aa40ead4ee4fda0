/**
 * RESP, the protocol that Redis speaks and writes into its append-only file, as far as the tests
 * need to read it: commands (arrays of bulk strings), and replies of RESP2 and RESP3.
 */

/** A reply as a value. Maps and sets come as flat arrays: no caller needs more. */
export type Reply = null | string | number | boolean | ReplyError | Reply[];

/** An error that Redis answered: a value, because a request that was refused was answered too. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

/** These bytes are not RESP, or not the part of it that is read here. */
export class NotResp extends Error {
  override readonly name = 'NotResp';
}

export interface Parsed<T> {
  readonly value: T;
  /** Offset of the first byte after it. */
  readonly end: number;
}

const CR = 13;
const MINUS = 45;
const ZERO = 48;
const star = '*'.charCodeAt(0);
const dollar = '$'.charCodeAt(0);

// Where the last `integerAt` stopped. Not a second return value: an object per number doubles the
// time that a million commands take.
let afterInteger = 0;

/** The integer of a header line such as `*3\r\n`, from after its type byte; NaN while incomplete. */
function integerAt(buffer: Buffer, start: number): number {
  const negative = buffer[start] === MINUS;
  let value = 0;
  for (let at = negative ? start + 1 : start; at < buffer.length; at++) {
    const byte = buffer[at] as number;
    if (byte === CR) {
      if (at + 1 >= buffer.length) return NaN;
      afterInteger = at + 2;
      return negative ? -value : value;
    }
    if (byte < ZERO || byte > ZERO + 9) throw new NotResp(`byte ${byte} where a number is expected`);
    value = value * 10 + byte - ZERO;
  }
  return NaN;
}

/**
 * The command at `start`: its name and arguments.
 *
 * @returns undefined while it is incomplete
 * @throws NotResp if it is anything but an array of bulk strings
 */
export function commandAt(buffer: Buffer, start: number): Parsed<string[]> | undefined {
  if (start >= buffer.length) return undefined;
  if (buffer[start] !== star) throw new NotResp(`byte ${buffer[start]} where a command is expected`);
  const count = integerAt(buffer, start + 1);
  if (Number.isNaN(count)) return undefined;
  const value: string[] = [];
  let at = afterInteger;
  for (let item = 0; item < count; item++) {
    if (at >= buffer.length) return undefined;
    if (buffer[at] !== dollar) throw new NotResp(`byte ${buffer[at]} where a bulk string is expected`);
    const length = integerAt(buffer, at + 1);
    if (Number.isNaN(length) || afterInteger + length + 2 > buffer.length) return undefined;
    value.push(buffer.toString('utf8', afterInteger, afterInteger + length));
    at = afterInteger + length + 2;
  }
  return { value, end: at };
}

/**
 * The reply at `start`.
 *
 * @returns undefined while it is incomplete
 * @throws NotResp if it is of no known type
 */
export function replyAt(buffer: Buffer, start: number): Parsed<Reply> | undefined {
  if (start >= buffer.length) return undefined;
  const type = String.fromCharCode(buffer[start] as number);
  switch (type) {
    case '$':
    case '=':
    case '!':
      return bulkReplyAt(buffer, start, type);
    case '*':
    case '~':
    case '>':
      return listReplyAt(buffer, start + 1, 1);
    case '%':
      return listReplyAt(buffer, start + 1, 2);
    case '|': {
      // Attributes are notes about the reply that follows them.
      const notes = listReplyAt(buffer, start + 1, 2);
      return notes && replyAt(buffer, notes.end);
    }
    default:
      return lineReplyAt(buffer, start, type);
  }
}

function lineReplyAt(buffer: Buffer, start: number, type: string): Parsed<Reply> | undefined {
  const lineEnd = buffer.indexOf('\r\n', start);
  if (lineEnd === -1) return undefined;
  const text = buffer.toString('utf8', start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (type) {
    case '+':
    case '(':
      return { value: text, end };
    case '-':
      return { value: new ReplyError(text), end };
    case ':':
    case ',':
      return { value: Number(text), end };
    case '#':
      return { value: text === 't', end };
    case '_':
      return { value: null, end };
    default:
      throw new NotResp(`reply of type ${JSON.stringify(type)}`);
  }
}

function bulkReplyAt(buffer: Buffer, start: number, type: string): Parsed<Reply> | undefined {
  const length = integerAt(buffer, start + 1);
  if (Number.isNaN(length)) return undefined;
  if (length < 0) return { value: null, end: afterInteger };
  const end = afterInteger + length;
  if (end + 2 > buffer.length) return undefined;
  const text = buffer.toString('utf8', afterInteger, end);
  return { value: type === '!' ? new ReplyError(text) : text, end: end + 2 };
}

function listReplyAt(buffer: Buffer, start: number, perItem: 1 | 2): Parsed<Reply> | undefined {
  const count = integerAt(buffer, start);
  if (Number.isNaN(count)) return undefined;
  let at = afterInteger;
  if (count < 0) return { value: null, end: at };
  const value: Reply[] = [];
  for (let item = 0; item < count * perItem; item++) {
    const read = replyAt(buffer, at);
    if (!read) return undefined;
    value.push(read.value);
    at = read.end;
  }
  return { value, end: at };
}
