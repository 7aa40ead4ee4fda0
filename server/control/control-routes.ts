import { type Request, type Response } from 'express';
import { type z } from 'zod';
import { limits, type Status } from '../../shared/protocol/commands.js';
import {
  type cancelledManySchema,
  type cancelledSchema,
  cancelQuerySchema,
  type retriedManySchema,
  type retriedSchema,
  retryOneQuerySchema,
  retryQuerySchema,
} from '../../shared/protocol/control-api.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { retryable } from '../http/retryable.js';
import { commandIdOf, noSuchCommand } from '../http/command-id.js';
import { type Endpoint, handlersWith } from '../http/endpoint.js';
import { brokenKey } from '../http/error-to-problem.js';
import { invalid, Problem } from '../http/problem.js';
import { parseQuery } from '../http/query.js';
import { startOf } from '../commands/command-list.js';
import { type Position } from '../commands/page-cursor.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { CommandControl, type Refused } from './command-control.js';

export interface ControlRoutesOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
}

interface ControlRoutesContext {
  readonly keys: PartitionKeys;
  readonly operator: CommandControl;
}

/** The endpoints by which operators cancel and retry commands. */
export function controlRoutes({ link, keys }: ControlRoutesOptions): Endpoint[] {
  const withContext = handlersWith<ControlRoutesContext>({ keys, operator: new CommandControl(link, keys) });

  return [
    retryable({
      method: 'post',
      path: '/commands/cancel',
      about: `cancel up to ${limits.listLimit} commands: ?status=PENDING or RUNNING &type= &queue= &limit= &cursor=`,
      handle: withContext(cancelSome),
    }),
    retryable(
      {
        method: 'post',
        path: '/commands/retry',
        about: `retry up to ${limits.listLimit} commands: ?status=FAILED &code= &executed= &type= &queue= &limit= &cursor=`,
        handle: withContext(retrySome),
      },
      'What was retried is FAILED no more: send the same request again',
    ),
    retryable({
      method: 'post',
      path: '/commands/:id/cancel',
      about: 'cancel a command: a waiting one at once, a running one by a request to its agent',
      handle: withContext(cancelOne),
    }),
    retryable(
      {
        method: 'post',
        path: '/commands/:id/retry',
        about: 'execute a FAILED command again; with ?finishedAt= of that failure the call may be repeated',
        handle: withContext(retryOne),
      },
      'Whether it was retried is unknown: look at it, or send the request again with ?finishedAt= of the failure',
    ),
  ];
}

async function cancelOne(
  { keys, operator }: ControlRoutesContext,
  request: Request,
  response: Response,
): Promise<void> {
  const id = commandIdOf(request, response);
  const answer = await operator.cancel(id);
  if (answer.word !== 'cancelled' && answer.word !== 'requested')
    throw problemOf(keys, answer, id, 'cancelled');
  response
    .status(answer.word === 'cancelled' ? 200 : 202)
    .json({ commandId: id, state: answer.word } satisfies z.input<typeof cancelledSchema>);
}

async function retryOne(
  { keys, operator }: ControlRoutesContext,
  request: Request,
  response: Response,
): Promise<void> {
  const id = commandIdOf(request, response);
  const { finishedAt } = parseQuery(retryOneQuerySchema, request);
  const answer = await operator.retry(id, finishedAt === undefined ? undefined : Date.parse(finishedAt));
  if (answer.word !== 'retried') throw problemOf(keys, answer, id, 'retried');
  const { attempt, mayStillRun } = answer.seen;
  const note = mayStillRun ? noteOf(attempt) : null;
  response.json({ commandId: id, mayStillRun, note } satisfies z.input<typeof retriedSchema>);
}

async function cancelSome(
  { operator }: ControlRoutesContext,
  request: Request,
  response: Response,
): Promise<void> {
  const query = parseQuery(cancelQuerySchema, request);
  const answer = await operator.cancelSome(query, positionOf(query));
  response.json(answer satisfies z.input<typeof cancelledManySchema>);
}

async function retrySome(
  { operator }: ControlRoutesContext,
  request: Request,
  response: Response,
): Promise<void> {
  const query = parseQuery(retryQuerySchema, request);
  const answer = await operator.retrySome(query, positionOf(query));
  response.json(answer satisfies z.input<typeof retriedManySchema>);
}

function problemOf(keys: PartitionKeys, answer: Refused, id: string, what: string): Problem {
  switch (answer.word) {
    case 'gone':
      return noSuchCommand();
    case 'broken':
      return brokenKey(keys.command(id));
    case 'refused':
      return new Problem('conflict', whyNot(answer.status, what));
  }
}

function positionOf(query: Parameters<typeof startOf>[0]): Position | undefined {
  const start = startOf(query);
  if (start !== 'bad') return start;
  const message = 'must be the nextCursor of the call before, with the same status';
  throw invalid([{ field: 'cursor', message }]);
}

function whyNot(status: Status | undefined, what: string): string {
  if (status === undefined) return `it moved on each time that it was about to be ${what}: send this again`;
  if (what === 'cancelled') return `it is ${status}: only a PENDING or RUNNING command can be cancelled`;
  if (status === 'FAILED') return 'it has failed again since: name the finishedAt of its last failure';
  return `it is ${status}: only a FAILED command can be retried`;
}

/** The operator decides; whatever the old attempt does from now on changes nothing in Fencepost. */
const noteOf = (attempt: number) =>
  `no agent has reported how attempt ${attempt} ended: its agent may still be at work on it. Its report will be refused, and its requests carry Fencepost-Attempt: ${attempt}`;
