import { type FieldFault } from '../http/problem.js';

/** The messages between the server's main thread and the thread that applies announced schemas. */

/** CPU ms for a request: what an agent's author and a client chose together gets no more. */
export const compileMs = 100;
export const checkMs = 50;

export interface SchemaThreadData {
  /** See `AnnouncedSchemas`. */
  readonly nativePatterns: ReadonlySet<string>;
}

/** The payloads of one request. */
export interface CheckRequest {
  /** JSON Schemas, as JSON. */
  readonly schemas: readonly string[];
  readonly payloads: readonly PayloadToCheck[];
  /** CPU ms that making validators of the schemas, and then applying them, may take. */
  readonly compileMs: number;
  readonly checkMs: number;
}

export interface PayloadToCheck {
  /** JSON. */
  readonly text: string;
  /** The places of the schemas in the request, all of which the payload must fit. */
  readonly schemas: readonly number[];
}

export type CheckReply =
  /** Per payload and schema, in order, what is wrong; it ends where enough faults were found. */
  | { readonly word: 'checked'; readonly faults: readonly (readonly FieldFault[])[][] }
  /** The work took longer than it may. */
  | { readonly word: 'cut'; readonly what: 'compile' | 'check' }
  /** A schema cannot be compiled. */
  | { readonly word: 'unusable'; readonly schema: number; readonly fault: string };
