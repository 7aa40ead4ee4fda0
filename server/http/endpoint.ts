import { type Express, type Request, type RequestHandler, type Response } from 'express';
import { type Check, checking } from './middleware-check.js';
import { parseJson, readBytes, refuseHopeless } from './json-body.js';
import { originGuard, ownPageGuard } from './origin-guard.js';
import { Problem } from './problem.js';

/** One method of one path. A handler translates: it parses, asks, and answers or throws. */
export interface Endpoint {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  readonly path: string;
  /** A line for the page at `/`. */
  readonly about: string;
  /** The most bytes that its JSON body may have; when left out, it takes no body. */
  readonly bodyBytes?: number;
  /** A GET that changes something all the same: guarded like a POST, and unknown to HEAD. */
  readonly changesState?: true;
  /** A GET that changes nothing, and that pages of other sites may not send all the same. */
  readonly ownPagesOnly?: true;
  readonly handle: (request: Request, response: Response) => void | Promise<void>;
}

/** A handler that is given what the handlers of its routes share. */
type HandlerOf<Context> = (context: Context, request: Request, response: Response) => void | Promise<void>;

/** Returns a function that makes handlers of endpoints out of handlers with a context. */
export const handlersWith =
  <Context>(context: Context) =>
  (handler: HandlerOf<Context>): Endpoint['handle'] =>
  (request, response) =>
    handler(context, request, response);

/** Whether a request asks for a change. */
export const changesState = (request: Request) => !['GET', 'HEAD', 'OPTIONS'].includes(request.method);

/** Mounts every endpoint, and on each path an answer to the methods that it does not know. */
export function mount(app: Express, endpoints: readonly Endpoint[]): void {
  for (const path of new Set(endpoints.map((endpoint) => endpoint.path))) {
    const onPath = endpoints.filter((endpoint) => endpoint.path === path);
    const route = app.route(path);
    for (const endpoint of onPath) route[endpoint.method](...handlersOf(endpoint));
    route.all(otherMethods(onPath));
  }
}

function handlersOf(endpoint: Endpoint): RequestHandler[] {
  const { bodyBytes, handle } = endpoint;
  const guards = guardsOf(endpoint);
  // Express 5 passes what a rejected promise rejects with to the error handler.
  const work: RequestHandler = (request, response) => handle(request, response);
  if (bodyBytes === undefined) return [checking(...guards), work];
  return [checking(...guards, refuseHopeless(bodyBytes)), readBytes(bodyBytes), checking(parseJson), work];
}

function guardsOf({ method, bodyBytes, ...endpoint }: Endpoint): Check[] {
  const changes = endpoint.changesState === true;
  const guards: Check[] = [];
  if (changes) guards.push(refuseHead);
  if (method !== 'get' || changes || endpoint.ownPagesOnly === true) guards.push(originGuard);
  // Browsers send a preflight before a PUT, a DELETE, or a JSON body, and the server never grants one.
  const isSentUnasked = changes || (method === 'post' && bodyBytes === undefined);
  if (isSentUnasked) guards.push(ownPageGuard);
  return guards;
}

/** Express gives a HEAD to the handler of GET, which here would do the work and drop the answer. */
function refuseHead(request: Request): void {
  if (request.method === 'HEAD') throw methodNotAllowed('GET, OPTIONS');
}

function otherMethods(onPath: readonly Endpoint[]): RequestHandler {
  const methods = onPath.map(({ method }) => method.toUpperCase());
  const hasHead = onPath.some(({ method, changesState: changes }) => method === 'get' && !changes);
  const allow = [...methods, ...(hasHead ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  return (request: Request, response: Response) => {
    if (request.method === 'OPTIONS') {
      response.status(204).set('Allow', allow).end();
      return;
    }
    throw methodNotAllowed(allow);
  };
}

const methodNotAllowed = (allow: string) =>
  new Problem('method_not_allowed', `this path knows ${allow}`, { headers: { Allow: allow } });
