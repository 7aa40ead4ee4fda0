import { json, type Request, type RequestHandler } from 'express';
import { type z } from 'zod';
import { jsonDepth } from '../../shared/protocol/api.js';
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

/** Reads a JSON body of at most `limit` bytes into `request.body`. `refuseHopeless` goes before it, `checkJson` behind it. */
export function readJson(limit: number): RequestHandler {
  return json({ limit, inflate: false, strict: false, type: jsonTypes });
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

/** Of a body that is not there, or not JSON, or too deep for what comes after. */
export function checkJson(request: Request): void {
  // Neither a body nor a type, or one that is not JSON: Express has read nothing.
  if (request.body === undefined) {
    throw new Problem(
      'unsupported_media_type',
      'send a JSON body, with the header Content-Type: application/json',
    );
  }
  if (isDeeperThan(request.body, jsonDepth)) {
    throw invalid([{ field: 'body', message: `must be nested at most ${jsonDepth} levels deep` }]);
  }
}

/** JSON.parse takes any depth; what comes after it is recursive, and this stops before it is too deep itself. */
function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((child) => isDeeperThan(child, levels - 1));
  // Not over Object.values, which would copy a body as large as a batch's.
  for (const name in value) {
    if (isDeeperThan((value as Record<string, unknown>)[name], levels - 1)) return true;
  }
  return false;
}
