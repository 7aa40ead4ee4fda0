import { json, type Request, type RequestHandler } from 'express';
import { type z } from 'zod';
import { jsonDepth } from '../../shared/protocol/bounds.js';
import { limits } from '../../shared/protocol/commands.js';
import { boundsFault } from './body-bounds.js';
import { type Check } from './check.js';
import { bodyTooLarge } from './fault.js';
import { parseInput } from './input.js';
import { invalid, Problem } from './problem.js';

/**
 * A body that says that it is larger than this is refused before it is read. A smaller one is read
 * to its end first: closing the connection on a client that still sends would lose it the answer.
 */
const hopelessBytes = 64 * 1024 * 1024;

const jsonTypes = ['application/json', 'application/*+json'];

/**
 * Reads a JSON body of at most `limit` bytes into `request.body`, unless it is nested too deep or has too many
 * values for what comes after: they are counted before it is parsed. `refuseHopeless` goes before it,
 * `checkJson` behind it.
 */
export function readJson(limit: number): RequestHandler {
  const verify = (_request: unknown, _response: unknown, body: Buffer) => checkBounds(body, limit);
  return json({ limit, inflate: false, strict: false, type: jsonTypes, verify });
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

/** The body of a request, which `readJson` has read. @throws Problem with every field that is wrong, or not known */
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

/** Of a body that is not there, or not JSON. */
export function checkJson(request: Request): void {
  // Neither a body nor a type, or one that is not JSON: Express has read nothing.
  if (request.body === undefined) {
    throw new Problem(
      'unsupported_media_type',
      'send a JSON body, with the header Content-Type: application/json',
    );
  }
}
