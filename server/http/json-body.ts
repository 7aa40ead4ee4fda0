import { isAscii, isUtf8 } from 'node:buffer';
import { raw, type Request, type RequestHandler } from 'express';
import { type z } from 'zod';
import { jsonDepth } from '../../shared/protocol/bounds.js';
import { limits } from '../../shared/protocol/commands.js';
import { parseExactJson } from '../../shared/protocol/exact-json.js';
import { boundsFault } from './body-bounds.js';
import { type Check } from './middleware-check.js';
import { bodyTooLarge, malformedJson } from './error-to-problem.js';
import { fieldName, parseInput } from './input.js';
import { invalid, Problem } from './problem.js';

/**
 * A body with a Content-Length above this is refused before it is read. A smaller one is read
 * to its end first: closing the connection on a client that still sends would lose it the answer.
 */
const hopelessBytes = 64 * 1024 * 1024;

const jsonTypes = ['application/json', 'application/*+json'];

/**
 * Reads the bytes of a JSON body, `limit` at most, into `request.body`, unless it is nested too deep or has too
 * many values for what comes after: they are counted before it is parsed. `refuseHopeless` goes before it;
 * `parseJson`, behind it, makes JSON of them.
 */
export function readBytes(limit: number): RequestHandler {
  const verify = (_request: unknown, _response: unknown, body: Buffer) => checkBounds(body, limit);
  return raw({ limit, inflate: false, type: jsonTypes, verify });
}

/** How body-parser hands on why a body is refused before it is parsed: `problemOf` knows it by its type. */
class BodyBeyondBounds extends Error {
  readonly type = 'entity.verify.bounds';
}

function checkBounds(body: Buffer, limit: number): void {
  const values = limit > limits.bodyBytes ? limits.bodyValues : limits.smallBodyValues;
  const fault = boundsFault(body, { levels: jsonDepth, values });
  if (fault === 'levels') throw new BodyBeyondBounds(`must be nested at most ${jsonDepth} levels deep`);
  if (fault === 'values') {
    throw new BodyBeyondBounds(
      `must have at most ${values} values, counted by commas, colons and opening brackets`,
    );
  }
}

/** The body of a request, which `parseJson` has parsed. @throws Problem with every field that is wrong, or not known */
export function parseBody<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  request: Request,
): z.output<z.ZodObject<Shape>> {
  const parsed = parseInput(schema, request.body, Object.keys(schema.shape));
  if (!parsed.ok) throw invalid(parsed.faults);
  return parsed.value;
}

export function refuseHopeless(limit: number): Check {
  return (request, response) => {
    if (Number(request.headers['content-length'] ?? 0) > hopelessBytes) {
      response.set('Connection', 'close');
      throw bodyTooLarge(limit);
    }
  };
}

/**
 * Makes JSON of the bytes in `request.body`. Refuses a body that is not there, not UTF-8, not JSON, too deep
 * for what works on it afterwards, or changed by parsing it.
 */
export function parseJson(request: Request): void {
  const bytes: unknown = request.body;
  // Neither a body nor a type, or one that is not JSON: Express has read nothing.
  if (!Buffer.isBuffer(bytes)) {
    throw new Problem(
      'unsupported_media_type',
      'send a JSON body, with the header Content-Type: application/json',
    );
  }
  const { value, fault } = parseText(textOf(bytes, request.headers['content-type']));
  if (fault) throw invalid([{ field: fieldName(fault.path), message: fault.message + fault.advice }]);
  request.body = value;
}

function parseText(text: string) {
  try {
    return parseExactJson(text, jsonDepth);
  } catch (error) {
    if (error instanceof SyntaxError) throw malformedJson(error);
    throw error;
  }
}

/** JSON is UTF-8 (RFC 8259): what a filter in front of a server reads must be what the server reads. */
function textOf(bytes: Buffer, contentType: string | undefined): string {
  for (const charset of charsetsOf(contentType)) {
    if (charset === 'us-ascii' && !isAscii(bytes)) throw notEncoded('US-ASCII, as its Content-Type says');
    if (['utf-8', 'utf8', 'us-ascii'].includes(charset)) continue;
    throw new Problem(
      'unsupported_media_type',
      `the charset of the body is ${JSON.stringify(charset)}; send JSON in UTF-8`,
    );
  }
  // A decoder would put U+FFFD in the place of what it cannot read.
  if (!isUtf8(bytes)) throw notEncoded('UTF-8');
  const text = bytes.toString('utf8');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

/** Returns every charset that is given: the server cannot know which of two a filter in front of it uses. */
function charsetsOf(contentType: string | undefined): string[] {
  if (contentType === undefined || !contentType.includes(';')) return [];
  const given = contentType.matchAll(/;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;]*))/gi);
  return [...given].map(([, quoted, plain]) => (quoted ?? plain ?? '').toLowerCase());
}

const notEncoded = (encoding: string) =>
  new Problem('malformed_json', `the body is not ${encoding}`, {
    errors: [{ field: 'body', message: `must be ${encoding}` }],
  });
