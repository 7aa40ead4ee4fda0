import { type Response } from 'express';
import { type ProblemBody } from '../../shared/protocol/api.js';
import { problemErrors } from '../../shared/protocol/bounds.js';
import { type ProblemCode, problems } from '../../shared/protocol/errors.js';

/** One fault, with the field, query parameter or header that it is in. */
export interface FieldFault {
  /** `payload.ms`, `commands[3].payload.url`, `limit`, `Idempotency-Key`; `body` for the whole. */
  readonly field: string;
  /** The rule for the field, in plain words and with the bound; reads on from the field's name. */
  readonly message: string;
}

export interface ProblemOptions {
  readonly errors?: readonly FieldFault[];
  readonly headers?: Readonly<Record<string, string>>;
  /** With `agent_name_taken`: who holds the name. */
  readonly holder?: ProblemBody['holder'];
  readonly cause?: unknown;
}

/** An answer that is an error. A route throws it; the error handler sends it. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly errors: readonly FieldFault[];
  readonly headers: Readonly<Record<string, string>>;
  readonly holder: ProblemBody['holder'];

  /** @param detail what is wrong and what to do about it: for people, and without secrets */
  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, { cause: options.cause });
    this.code = code;
    this.errors = options.errors ?? [];
    this.headers = options.headers ?? {};
    this.holder = options.holder;
  }

  get status(): number {
    return problems[this.code].status;
  }

  /** The body of the answer (RFC 9457). */
  toBody(): ProblemBody {
    const { status, title } = problems[this.code];
    return {
      type: `urn:problem-type:fencepost:${this.code}`,
      title,
      status,
      detail: this.message,
      code: this.code,
      ...(this.errors.length > 0 ? { errors: this.errors.slice(0, problemErrors) } : {}),
      ...(this.holder === undefined ? {} : { holder: this.holder }),
    };
  }
}

/** A problem whose detail is its first fault. */
export function invalid(errors: readonly FieldFault[], code: ProblemCode = 'invalid_request'): Problem {
  const [first, ...others] = errors;
  // Beyond that many, the search for more was given up.
  const isAll = errors.length < problemErrors;
  const more = others.length > 0 ? ` (and ${isAll ? '' : 'at least '}${others.length} more: see errors)` : '';
  return new Problem(code, first ? `${first.field} ${first.message}${more}` : problems[code].title, {
    errors,
  });
}

export function sendProblem(response: Response, problem: Problem): void {
  response
    .status(problem.status)
    .set(problem.headers)
    .type('application/problem+json')
    .send(JSON.stringify(problem.toBody()));
}
