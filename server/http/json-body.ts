import { json, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { type z } from 'zod';
import { jsonDepth } from '../../shared/protocol/api.js';
import { bodyTooLarge } from './fault.js';
import { parseInput } from './input.js';
import { invalid, Problem } from './problem.js';

/**
 * A body that says that it is larger than this is refused before it is read. A smaller one is read
 * to its end first: closing the connection on a client that still sends would lose it the answer.
 */
const hopelessBytes = 64 * 1024 * 1024;

const jsonTypes = ['application/json', 'application/*+json'];

/** Reads a JSON body of at most `limit` bytes into `request.body`, or throws the Problem with it. */
export function jsonBody(limit: number): RequestHandler[] {
  return [refuseHopeless(limit), json({ limit, inflate: false, strict: false, type: jsonTypes }), check];
}

/** The body of a request, which `jsonBody` has read. @throws Problem with every field that is wrong, or not known */
export function parseBody<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  request: Request,
): z.output<z.ZodObject<Shape>> {
  const parsed = parseInput(schema, request.body, Object.keys(schema.shape));
  if (!parsed.ok) throw invalid(parsed.faults);
  return parsed.value;
}

function refuseHopeless(limit: number): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    if (Number(request.headers['content-length'] ?? 0) > hopelessBytes) {
      response.set('Connection', 'close');
      throw bodyTooLarge(limit);
    }
    next();
  };
}

function check(request: Request, _response: Response, next: NextFunction): void {
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
  next();
}

/** JSON.parse takes any depth; what comes after it is recursive, and this stops before it is too deep itself. */
function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((child) => isDeeperThan(child, levels - 1));
}
