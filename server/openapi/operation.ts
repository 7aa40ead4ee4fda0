import { type z } from 'zod';
import { type ProblemCode } from '../../shared/protocol/errors.js';
import { type Endpoint } from '../http/endpoint.js';

export const tags = {
  Commands: 'Submit commands, read them, and wait for them.',
  Control: 'Operator actions on commands and queues.',
  Deployment: 'The state of the deployment, and the health of this server.',
  Agents:
    'Calls of agents that reach only the server, by the rules of docs/reference/agent-protocol.md; and draining, which an operator may request of any agent.',
  About: 'The description of the API itself.',
  Live: 'Transitions of commands as they happen.',
} as const;
export type Tag = keyof typeof tags;

/** Request headers that an operation looks at. */
export type RequestHeader = 'Idempotency-Key' | 'Fencepost-Ticket' | 'Last-Event-ID' | 'If-None-Match';
/** Headers of an answer that a client should look at. */
export type ResponseHeader = 'Location' | 'Retry-After' | 'Fencepost-Draining' | 'ETag';

export type Example = Readonly<{ summary?: string; value: unknown }>;
export type Examples = Readonly<Record<string, Example>>;

/** An answer that is no problem. */
export interface Answer {
  readonly description: string;
  /** The schema of a JSON body; left out: there is no body, or `text` is its media type. */
  readonly schema?: z.ZodType;
  /** The media type of a body that is no JSON; with a schema: beside it, as the client's `Accept` decides. */
  readonly text?: string;
  readonly headers?: readonly ResponseHeader[];
  readonly examples?: Examples;
}

/** One endpoint, as the document describes it. A test compares the table of them with the routes. */
export interface Operation {
  readonly method: Endpoint['method'];
  /** The path as the router has it: `/commands/:id`. */
  readonly path: string;
  readonly id: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  /** The schema that its handler parses the query with. */
  readonly query?: z.ZodObject;
  /** Values of parameters in the query that make a request that works. */
  readonly queryExample?: Readonly<Record<string, string | number>>;
  readonly headers?: readonly RequestHeader[];
  /** The schema that its handler parses the body with. */
  readonly body?: { readonly schema: z.ZodType; readonly examples: Examples };
  readonly answers: Readonly<Partial<Record<200 | 202 | 204 | 304 | 308, Answer>>>;
  /** Set when the operation needs nothing from Redis, and so is answered while Redis is away. */
  readonly withoutRedis?: true;
  /** The codes in addition to those that every operation may answer with, and those of a body and of Redis. */
  readonly problems: readonly ProblemCode[];
}
