/**
 * The registry of everything that Fencepost can answer or report as an error.
 * A code exists here or nowhere: in the HTTP API (`problems`) or in a command's
 * `error.code` (`commandErrors`).
 */

interface ProblemKind {
  /** HTTP status of the answer. */
  readonly status: number;
  /** Short and constant: the `title` of RFC 9457. */
  readonly title: string;
}

/** Every `code` of an `application/problem+json` answer (RFC 9457). */
export const problems = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  malformed_json: { status: 400, title: 'The body is not valid JSON' },
  malformed_http: { status: 400, title: 'The request is not valid HTTP' },
  unknown_type: { status: 400, title: 'No such command type' },
  invalid_type_schema: { status: 400, title: 'The schema announced for this type cannot be used' },
  costly_payload: { status: 400, title: 'Checking the payload would cost too much' },
  forbidden_origin: { status: 403, title: 'Calls from other sites are refused' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'This path does not support that method' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  conflict: { status: 409, title: 'The current state does not allow this' },
  late_report: { status: 409, title: 'The attempt is no longer current' },
  old_session: { status: 409, title: 'A newer session of this agent took over' },
  too_many_queues: { status: 409, title: 'Too many queues are in use' },
  agent_name_taken: { status: 409, title: 'Another live agent holds this name' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be JSON' },
  expectation_failed: { status: 417, title: 'The value of the header Expect is not supported' },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used with another body before' },
  headers_too_large: { status: 431, title: 'The request line and headers are too large' },
  internal_error: { status: 500, title: 'Fencepost failed' },
  redis_key_broken: { status: 500, title: 'A key in Redis holds a value that Fencepost did not write' },
  not_implemented: { status: 501, title: 'The server does not support this part of HTTP' },
  redis_unavailable: { status: 503, title: 'Redis cannot be reached' },
  redis_full: { status: 503, title: 'Redis is out of memory' },
  busy: { status: 503, title: 'The server is busy' },
  backlog_full: { status: 503, title: 'Too many commands are waiting' },
  too_many_connections: { status: 503, title: 'Too many connections are open' },
  too_many_held: { status: 503, title: 'Too many answers are held' },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problems;

/** Every `error.code` of a FAILED command, with what it means. Contract. */
export const commandErrors = {
  EXECUTION_FAILED: 'the handler ended with an error of its own',
  TIMEOUT: 'the handler did not end within timeoutMs',
  AGENT_LOST: 'the agent was lost during the attempt, and the policy allows no other',
  CANCELLED: 'an operator cancelled it',
  EXPIRED: 'it was not started within ttlMs',
  INVALID_PAYLOAD: 'the payload does not fit its command type',
  UNSUPPORTED_TYPE: 'no agent knew its command type before it expired',
} as const;

export type CommandErrorCode = keyof typeof commandErrors;

export const commandErrorCodes = Object.keys(commandErrors) as [CommandErrorCode, ...CommandErrorCode[]];
