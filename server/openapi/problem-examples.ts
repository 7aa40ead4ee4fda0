import { tooManyQueues } from '../http/error-to-problem.js';
import { type ProblemCode } from '../../shared/protocol/errors.js';
import { type FieldFault, invalid, Problem } from '../http/problem.js';
import { costlyPayload, stillLearning } from '../types/schema-problems.js';

const fault = (field: string, message: string): readonly FieldFault[] => [{ field, message }];

/** Each code as a server has answered it. */
export const problemExamples: Readonly<Record<ProblemCode, Problem>> = {
  invalid_request: invalid([
    ...fault('queu', 'is not known, did you mean queue?'),
    ...fault('payload.ms', 'must be a whole number from 0 to 86400000'),
  ]),
  malformed_json: new Problem('malformed_json', 'the body is not JSON: a syntax error at position 16'),
  malformed_http: new Problem('malformed_http', 'the request cannot be parsed as HTTP/1.1'),
  unknown_type: invalid(
    fault('type', 'is not known, did you mean DELAY? (known: DELAY, HTTP_GET_JSON)'),
    'unknown_type',
  ),
  invalid_type_schema: invalid(
    fault(
      'type',
      'has a schema that cannot be used, so no payload can be checked: the announcement is not {payload, result, onAgentLost, announcedAt} as JSON',
    ),
    'invalid_type_schema',
  ),
  forbidden_origin: new Problem(
    'forbidden_origin',
    'Sec-Fetch-Site must be same-origin: pages of other sites may not do this here',
    { errors: fault('Sec-Fetch-Site', 'must be same-origin') },
  ),
  costly_payload: costlyPayload('payload', 'check'),
  not_found: new Problem('not_found', 'there is no command with this id'),
  method_not_allowed: new Problem('method_not_allowed', 'this path knows POST, GET, HEAD, OPTIONS'),
  request_timeout: new Problem('request_timeout', 'the request did not arrive in time'),
  conflict: new Problem('conflict', 'it is COMPLETED: only a PENDING or RUNNING command can be cancelled'),
  late_report: new Problem(
    'late_report',
    "the attempt is no longer current, or not this agent's: nothing was changed; the report is kept in the history",
  ),
  old_session: new Problem(
    'old_session',
    "a newer session of http-1 took over: one session is one run of an agent's process, and this one is over",
    { errors: fault('session', 'must be the newest of its agent') },
  ),
  agent_name_taken: new Problem(
    'agent_name_taken',
    'http-1 is held by instance d41b0c5e9f27, pid 4711 on host7, last seen at 2026-11-22T13:07:25.694Z: choose another name, or wait 14665 ms to see whether it is gone',
    {
      holder: {
        instance: 'd41b0c5e9f27',
        session: '6ecb20f5a81d',
        host: 'host7',
        pid: '4711',
        leaseLeftMs: 14665,
        lastSeen: '2026-11-22T13:07:25.694Z',
      },
    },
  ),
  body_too_large: new Problem('body_too_large', 'the body must be at most 262144 bytes', {
    errors: fault('body', 'must be at most 262144 bytes'),
  }),
  unsupported_media_type: new Problem(
    'unsupported_media_type',
    'send a JSON body, with the header Content-Type: application/json',
  ),
  expectation_failed: new Problem(
    'expectation_failed',
    'the header Expect must be 100-continue, or be left out',
    { errors: fault('Expect', 'must be 100-continue') },
  ),
  idempotency_key_reused: new Problem(
    'idempotency_key_reused',
    'this Idempotency-Key came with another body before: a new command needs a new key',
    { errors: fault('Idempotency-Key', 'must be new for a new command') },
  ),
  headers_too_large: new Problem('headers_too_large', 'the head of the request must be at most 16384 bytes'),
  internal_error: new Problem('internal_error', 'an unexpected fault; the log of the server has the details'),
  too_many_queues: tooManyQueues(),
  redis_key_broken: new Problem(
    'redis_key_broken',
    'the key fencepost:{0}:command:8bca8dda-1290-505b-9d14-bbe7607a455c in Redis holds what Fencepost did not put there: delete it',
  ),
  not_implemented: new Problem(
    'not_implemented',
    'the header Transfer-Encoding names another coding: send chunked, or a Content-Length',
    { errors: fault('Transfer-Encoding', 'must be chunked, once') },
  ),
  redis_unavailable: new Problem(
    'redis_unavailable',
    'Redis has not been reached yet. Nothing was changed: ask again',
  ),
  redis_full: new Problem('redis_full', 'Redis has no memory left for new commands; nothing was stored'),
  busy: stillLearning(),
  backlog_full: new Problem('backlog_full', 'too many commands are waiting already; nothing was stored'),
  too_many_connections: new Problem(
    'too_many_connections',
    '20000 connections are open already (MAX_CONNECTIONS); nothing was done',
  ),
  too_many_held: new Problem(
    'too_many_held',
    '20000 answers are held already (MAX_HELD): waits, polls and streams together; ask without wait, or later',
  ),
};
