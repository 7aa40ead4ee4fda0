import { z } from 'zod';
import { pathOfNonFinite, textOfPath } from '../protocol/exact-json.js';
import { UnexpectedResponseError } from './errors.js';
import { type ServerAnswer } from './server-connections.js';

/** Requests and answers of the API, as a client writes and reads them. */

/** Paths that are no id of a command: `GET /commands/next` is the poll of an agent. */
const noCommandIds: readonly string[] = ['next'];

/** @throws TypeError when it is the path of something else than a command */
export function commandPath(commandId: string): string {
  if (noCommandIds.includes(commandId)) throw new TypeError(`commandId: ${commandId} is no id of a command`);
  return `commands/${segmentOf('commandId', commandId)}`;
}

/**
 * A part of a path that holds what a caller named.
 *
 * @throws TypeError for what URLs resolve away, however it is encoded: `commands/../cancel` is `/cancel`
 */
export function segmentOf(argument: string, value: string): string {
  const segment = encodeURIComponent(value);
  if (!['', '.', '..'].includes(segment)) return segment;
  throw new TypeError(`${argument}: ${JSON.stringify(value)} names nothing`);
}

/**
 * Headers carry ASCII, lose the spaces around it, and may be left out by a proxy when they are empty: the
 * server would receive another key, or none. The server also limits how long a key may be.
 *
 * @throws TypeError
 */
export function checkIdempotencyKey(key: string): void {
  if (/^[\x21-\x7e]+$/.test(key)) return;
  const rule = 'a header carries visible ASCII characters without spaces, one at least';
  throw new TypeError(`idempotencyKey: ${JSON.stringify(key)} would not arrive: ${rule}`);
}

/**
 * JSON has no NaN and no Infinity, and JSON.stringify writes null in their place.
 *
 * @throws TypeError that names the field
 */
export function checkNumbers(body: unknown): void {
  const path = pathOfNonFinite(body);
  if (path) throw new TypeError(`${textOfPath(path, 'the submission')}: JSON has no NaN and no Infinity`);
}

export type Query = Readonly<Record<string, string | number | undefined>>;

export function queryOf(query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  const text = given.toString();
  return text === '' ? '' : `?${text}`;
}

/** @throws UnexpectedResponseError */
export function parse<Value>(schema: z.ZodType<Value>, { status, body }: ServerAnswer): Value {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const message = `what answered is no Fencepost of this version: ${z.prettifyError(parsed.error)}`;
  throw new UnexpectedResponseError(message, { status, cause: parsed.error });
}
