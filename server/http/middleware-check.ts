import { type Request, type RequestHandler, type Response } from 'express';

/** Looks at a request before it is worked on. @throws Problem, which is its answer then */
export type Check = (request: Request, response: Response) => void;

/**
 * Checks as one handler, in their order: each that Express calls costs a request a search for the next
 * one, and a few closures.
 */
export function checking(...checks: readonly Check[]): RequestHandler {
  return (request, response, next) => {
    for (const check of checks) check(request, response);
    next();
  };
}
