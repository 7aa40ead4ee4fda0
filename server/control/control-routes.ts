import { type Request, type Response } from 'express';
import { type z } from 'zod';
import { commandIdSchema, limits, type Status } from '../../shared/protocol/commands.js';
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
import { repeatable } from '../agents/refusal.js';
import { logWith } from '../http/access-log.js';
import { type Endpoint } from '../http/endpoint.js';
import { brokenKey } from '../http/fault.js';
import { invalid, Problem } from '../http/problem.js';
import { parseQuery } from '../http/query.js';
import { startOf } from '../reading/command-list.js';
import { type Position } from '../reading/position.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { Operator, type Refused } from './operator.js';

export interface ControlRoutesOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
}

/** The endpoints by which operators cancel and retry commands. */
export function controlRoutes({ link, keys }: ControlRoutesOptions): Endpoint[] {
  const operator = new Operator(link, keys);

  async function cancelOne(request: Request, response: Response): Promise<void> {
    const id = commandIdOf(request, response);
    const answer = await operator.cancel(id);
    if (answer.word !== 'cancelled' && answer.word !== 'requested') throw problemOf(answer, id, 'cancelled');
    response
      .status(answer.word === 'cancelled' ? 200 : 202)
      .json({ commandId: id, state: answer.word } satisfies z.input<typeof cancelledSchema>);
  }

  async function retryOne(request: Request, response: Response): Promise<void> {
    const id = commandIdOf(request, response);
    const { finishedAt } = parseQuery(retryOneQuerySchema, request);
    const answer = await operator.retry(id, finishedAt === undefined ? undefined : Date.parse(finishedAt));
    if (answer.word !== 'retried') throw problemOf(answer, id, 'retried');
    const { attempt, mayStillRun } = answer.seen;
    const note = mayStillRun ? noteOf(attempt) : null;
    response.json({ commandId: id, mayStillRun, note } satisfies z.input<typeof retriedSchema>);
  }

  async function cancelSome(request: Request, response: Response): Promise<void> {
    const query = parseQuery(cancelQuerySchema, request);
    const answer = await operator.cancelSome(query, positionOf(query));
    response.json(answer satisfies z.input<typeof cancelledManySchema>);
  }

  async function retrySome(request: Request, response: Response): Promise<void> {
    const query = parseQuery(retryQuerySchema, request);
    const answer = await operator.retrySome(query, positionOf(query));
    response.json(answer satisfies z.input<typeof retriedManySchema>);
  }

  function problemOf(answer: Refused, id: string, what: string): Problem {
    switch (answer.word) {
      case 'gone':
        return noSuchCommand();
      case 'broken':
        return brokenKey(keys.command(id));
      case 'refused':
        return new Problem('conflict', whyNot(answer.status, what));
    }
  }

  return [
    repeatable({
      method: 'post',
      path: '/commands/cancel',
      about: `cancel up to ${limits.listLimit} commands: ?status=PENDING or RUNNING &type= &queue= &limit= &cursor=`,
      handle: cancelSome,
    }),
    repeatable(
      {
        method: 'post',
        path: '/commands/retry',
        about: `retry up to ${limits.listLimit} commands: ?status=FAILED &code= &executed= &type= &queue= &limit= &cursor=`,
        handle: retrySome,
      },
      'What was retried is FAILED no more: send the same request again',
    ),
    repeatable({
      method: 'post',
      path: '/commands/:id/cancel',
      about: 'cancel a command: one that waits at once, one that runs by asking its agent',
      handle: cancelOne,
    }),
    repeatable(
      {
        method: 'post',
        path: '/commands/:id/retry',
        about: 'execute a FAILED command again; with ?finishedAt= of that failure the call may be repeated',
        handle: retryOne,
      },
      'Whether it was retried is unknown: look at it, or send the request again with ?finishedAt= of the failure',
    ),
  ];
}

function commandIdOf(request: Request, response: Response): string {
  const id = commandIdSchema.safeParse(request.params.id).data?.toLowerCase();
  if (id === undefined) throw noSuchCommand();
  logWith(response, { commandId: id });
  return id;
}

const noSuchCommand = () => new Problem('not_found', 'there is no command with this id');

function positionOf(query: Parameters<typeof startOf>[0]): Position | undefined {
  const start = startOf(query);
  if (start !== 'bad') return start;
  const message = 'must be the nextCursor of the call before, with the same status';
  throw invalid([{ field: 'cursor', message }]);
}

function whyNot(status: Status | undefined, what: string): string {
  if (status === undefined) return `it moved on each time that it was about to be ${what}: send this again`;
  if (what === 'cancelled') return `it is ${status}: only what waits or runs can be cancelled`;
  if (status === 'FAILED') return 'it has failed again since: name the finishedAt of its last failure';
  return `it is ${status}: only what FAILED can be retried`;
}

/** The operator decides; whatever the old attempt does from now on changes nothing in Fencepost. */
const noteOf = (attempt: number) =>
  `nobody has said how attempt ${attempt} ended: its agent may still be at work on it. What it reports is refused, and its requests carry Fencepost-Attempt: ${attempt}`;
