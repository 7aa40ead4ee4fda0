import { type Request, type Response } from 'express';
import { type z } from 'zod';
import { release, renew } from '../../shared/lifecycle/attempt-leases.js';
import { report, type StartedCommand } from '../../shared/lifecycle/transitions.js';
import {
  drainingHeader,
  ticketHeader,
  type NextCommand,
  nextQuerySchema,
  type releasedSchema,
  releaseBodySchema,
  renewBodySchema,
  type renewedSchema,
  reportBodySchema,
  type reportedSchema,
} from '../../shared/protocol/agent-api.js';
import { type Json, limits } from '../../shared/protocol/commands.js';
import { bootOf } from '../../shared/protocol/sessions.js';
import { type CrashPoints, type ServerPoint } from '../../shared/runtime/faults.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { logWith } from '../http/access-log.js';
import { commandIdOf, noSuchCommand } from '../http/command-id.js';
import { type Endpoint, handlersWith } from '../http/endpoint.js';
import { brokenKey } from '../http/error-to-problem.js';
import { type HeldAnswers } from '../http/held-answers.js';
import { parseBody } from '../http/json-body.js';
import { invalid, Problem } from '../http/problem.js';
import { parseQuery } from '../http/query.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { callerOf } from './agent-sessions.js';
import { type NextCommands } from './next-commands.js';
import { outcomeOf } from './outcome.js';
import { problemOfRefusal } from './session-problems.js';
import { retryable } from '../http/retryable.js';
import { isSameReport } from './same-report.js';

export interface AttemptRoutesOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly nextCommands: NextCommands;
  readonly leaseMs: number;
  readonly faults: CrashPoints<ServerPoint>;
  readonly held: HeldAnswers;
}

/** The endpoints by which an agent starts, renews, releases and reports attempts. */
export function attemptRoutes(options: AttemptRoutesOptions): Endpoint[] {
  const withContext = handlersWith(options);

  const endpoints: Endpoint[] = [
    {
      method: 'get',
      path: '/commands/next',
      about:
        'for agents: start the next command; ?agentId= &session= &instance= &concurrency= &holding= &wait=20',
      changesState: true,
      handle: withContext(next),
    },
    {
      method: 'put',
      path: '/commands/:id/result',
      about: 'for agents: report the outcome of an attempt',
      bodyBytes: limits.reportBodyBytes,
      handle: withContext(storeResult),
    },
    {
      method: 'post',
      path: '/commands/renew',
      about: 'for agents: renew the leases of attempts',
      bodyBytes: limits.bodyBytes,
      handle: withContext(renewAttempts),
    },
    {
      method: 'post',
      path: '/commands/:id/release',
      about: 'for agents: release a command that was not executed',
      bodyBytes: limits.bodyBytes,
      handle: withContext(releaseAttempt),
    },
  ];
  return endpoints.map((endpoint) => retryable(endpoint));
}

async function next(
  { nextCommands, leaseMs, held }: AttemptRoutesOptions,
  request: Request,
  response: Response,
): Promise<void> {
  const { session = '', instance, holding, wait, ...query } = parseQuery(nextQuerySchema, request);
  checkSession(session, instance);
  if (wait > 0) held.hold(request, response);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const asked = { ...query, ...callerOf(query.agentId, session, instance), holding, waitMs: wait * 1000 };
  const answer = await nextCommands.next(asked, gone.signal);
  switch (answer.word) {
    case 'command':
      logWith(response, { commandId: answer.command.id });
      response.json(viewOf(answer.command, leaseMs, answer.heldMs));
      return;
    case 'none':
      if (answer.draining) response.set(drainingHeader, 'true');
      response.status(204).end();
      return;
    case 'taken':
    case 'old-session':
      throw problemOfRefusal(query.agentId, answer);
  }
}

async function storeResult(
  { link, keys, faults }: AttemptRoutesOptions,
  request: Request,
  response: Response,
): Promise<void> {
  const id = commandIdOf(request, response);
  const body = parseBody(reportBodySchema, request);
  const { agentId, session = '', attempt } = body;
  // The body was just parsed, so it is an object.
  const outcome = outcomeOf(body, (request.body as { result?: unknown }).result);
  const given = { id, agentId, session, attempt, ticket: request.get(ticketHeader), outcome };
  const [word] = await link.call((redis) => report(redis, keys, [given]));
  faults.at('report-stored');
  const isOther = word === 'again' && !(await link.call((redis) => isSameReport(redis, keys, given)));
  if (isOther)
    throw new Problem('conflict', 'another outcome of this attempt was reported before, and stays');
  switch (word) {
    case 'accepted':
    case 'again':
      response.json({ commandId: id, again: word === 'again' } satisfies z.input<typeof reportedSchema>);
      return;
    case 'late':
      throw new Problem(
        'late_report',
        "the attempt is no longer current, or not this agent's: nothing was changed; the report is kept in the history",
      );
    case 'gone':
      throw noSuchCommand();
    case 'broken':
    case undefined:
      throw brokenKey(keys.command(id));
  }
}

async function renewAttempts(
  { link, keys }: AttemptRoutesOptions,
  request: Request,
  response: Response,
): Promise<void> {
  const { agentId, session = '', held } = parseBody(renewBodySchema, request);
  const attempts = held.map(({ commandId, attempt }) => ({ id: commandId.toLowerCase(), attempt }));
  const words = await link.call((redis) => renew(redis, keys, agentId, session, attempts));
  // A corrupted key needs an operator; it does not cancel the attempt.
  const lost = held.filter((_, i) => words[i] === 'lost' || words[i] === 'gone');
  const cancelled = held.filter((_, i) => words[i] === 'cancelled');
  response.json({ lost, cancelled } satisfies z.input<typeof renewedSchema>);
}

async function releaseAttempt(
  { link, keys }: AttemptRoutesOptions,
  request: Request,
  response: Response,
): Promise<void> {
  const id = commandIdOf(request, response);
  const { agentId, session = '', attempt } = parseBody(releaseBodySchema, request);
  const item = { queue: '', entry: '', id, attempt };
  const [word] = await link.call((redis) => release(redis, keys, agentId, session, [item]));
  switch (word) {
    case 'released':
      response.json({ commandId: id } satisfies z.input<typeof releasedSchema>);
      return;
    case 'refused':
      throw new Problem('conflict', "the attempt is not this session's to release, or was released before");
    case 'gone':
      throw noSuchCommand();
    case 'broken':
    case undefined:
      throw brokenKey(keys.command(id));
  }
}

/** @throws Problem when the two do not fit */
export function checkSession(session: string, instance: string | undefined): void {
  if (instance === undefined || bootOf(session, instance) !== undefined) return;
  const message =
    'must be <instance>.<boot>, with a whole number that grows with each run, when instance is given';
  throw invalid([{ field: 'session', message }]);
}

function viewOf(command: StartedCommand, leaseMs: number, heldMs: number): NextCommand {
  const { id: commandId, type, attempt, entry: ticket, queue, onAgentLost } = command;
  const payload = parsed(command.payload);
  const timeoutMs = command.timeoutMs ?? null;
  return { commandId, type, payload, attempt, ticket, queue, timeoutMs, onAgentLost, leaseMs, heldMs };
}

/** The attempt has started, so the agent must get an answer: null for a corrupted payload, which no type accepts. */
function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}
