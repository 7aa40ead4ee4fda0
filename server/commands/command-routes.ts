import { type Request, type Response } from 'express';
import { type z } from 'zod';
import {
  type batchSubmittedSchema,
  commandQuerySchema,
  listQuerySchema,
  type submittedSchema,
} from '../../shared/protocol/api.js';
import { limits } from '../../shared/protocol/commands.js';
import { type SubmitReply } from '../../shared/lifecycle/transitions.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { readPage, startOf } from './command-list.js';
import { WaitingReasons } from './waiting-reasons.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { newCommand, newCommands, parseIdempotencyKey } from './new-command.js';
import { type SchemaChecker } from '../types/schema-checker.js';
import { parseBatch, parseSubmission } from './submission-parser.js';
import { type Submitter } from './submitter.js';
import { type TypeCatalog } from '../types/type-catalog.js';
import { type CommandWaiter } from './command-waiter.js';
import { logWith } from '../http/access-log.js';
import { sendJson } from '../http/send-json.js';
import { commandIdOf, noSuchCommand } from '../http/command-id.js';
import { type Endpoint, handlersWith } from '../http/endpoint.js';
import { brokenKey, redisUnavailable, tooManyQueues } from '../http/error-to-problem.js';
import { type HeldAnswers } from '../http/held-answers.js';
import { invalid, Problem } from '../http/problem.js';
import { parseQuery } from '../http/query.js';

export interface CommandRoutesOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly catalog: TypeCatalog;
  readonly checker: Pick<SchemaChecker, 'check'>;
  readonly submitter: Submitter;
  readonly waiter: CommandWaiter;
  readonly held: HeldAnswers;
}

interface CommandRoutesContext extends CommandRoutesOptions {
  readonly reasons: WaitingReasons;
}

/** The endpoints by which clients submit commands and read them. */
export function commandRoutes(options: CommandRoutesOptions): Endpoint[] {
  const withContext = handlersWith<CommandRoutesContext>({
    ...options,
    reasons: new WaitingReasons(options),
  });

  return [
    {
      method: 'post',
      path: '/commands',
      about: 'submit a command; send an Idempotency-Key to be able to send it again',
      bodyBytes: limits.bodyBytes,
      handle: withContext(submitOne),
    },
    {
      method: 'get',
      path: '/commands',
      about: 'list commands, newest first: ?status= &type= &queue= &limit= &cursor=',
      handle: withContext(list),
    },
    {
      method: 'post',
      path: '/commands/batch',
      about: `submit up to ${limits.batchCommands} commands at once, each with a key of its own or all with one`,
      bodyBytes: limits.batchBodyBytes,
      handle: withContext(submitBatch),
    },
    {
      method: 'get',
      path: '/commands/:id',
      about: 'get a command; ?wait=30 holds the answer until it has ended',
      handle: withContext(show),
    },
  ];
}

async function submitOne(
  { catalog, checker, submitter }: CommandRoutesContext,
  request: Request,
  response: Response,
): Promise<void> {
  const header = parseIdempotencyKey(request.get('Idempotency-Key'));
  const checked = await parseSubmission(request.body, { catalog, checker });
  const key = keyOf(header, checked.submission.idempotencyKey);
  const command = newCommand(checked, key);
  logWith(response, { commandId: command.id });
  const replies = await submitter.submit([command]);
  refuse(replies, () => 'Idempotency-Key');
  const body = { commandId: command.id } satisfies z.input<typeof submittedSchema>;
  // Without a key `same` only means that this very call was delivered twice.
  const status = isAgain(replies) && key !== undefined ? 200 : 202;
  sendJson(response, status, body, { Location: `${placeOf(request)}${command.id}` });
}

async function submitBatch(
  { catalog, checker, submitter }: CommandRoutesContext,
  request: Request,
  response: Response,
): Promise<void> {
  const key = parseIdempotencyKey(request.get('Idempotency-Key'));
  const batch = await parseBatch(request.body, { catalog, checker });
  const commands = newCommands(batch, key);
  logWith(response, { commands: commands.length });
  const replies = await submitter.submit(commands);
  const ownKeyOf = (i: number) => batch[i]?.submission.idempotencyKey;
  refuse(replies, (i) => (ownKeyOf(i) === undefined ? 'Idempotency-Key' : `commands[${i}].idempotencyKey`));
  const hasKeys = key !== undefined || commands.every((_, i) => ownKeyOf(i) !== undefined);
  const body = { commandIds: commands.map(({ id }) => id) } satisfies z.input<typeof batchSubmittedSchema>;
  sendJson(response, isAgain(replies) && hasKeys ? 200 : 202, body);
}

async function show(
  { waiter, held, reasons }: CommandRoutesContext,
  request: Request,
  response: Response,
): Promise<void> {
  const id = commandIdOf(request, response);
  const { wait } = parseQuery(commandQuerySchema, request);
  if (wait > 0) held.hold(request, response);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const command = await waiter.wait(id, wait * 1000, gone.signal);
  if (!command) throw noSuchCommand();
  const [explained] = await reasons.explain([command]);
  response.json(explained);
}

async function list(
  { link, keys, reasons }: CommandRoutesContext,
  request: Request,
  response: Response,
): Promise<void> {
  const query = parseQuery(listQuerySchema, request);
  const start = startOf(query);
  if (start === 'bad') {
    const message = 'must be the nextCursor of a page of this list, with the same status';
    throw invalid([{ field: 'cursor', message }]);
  }
  const page = await link.call((redis) => readPage(redis, keys, query, start));
  response.json({ ...page, commands: await reasons.explain(page.commands) });
}

/** A body may have the key as well: two are one key. @throws Problem when they differ */
function keyOf(header: string | undefined, own: string | undefined): string | undefined {
  if (header === undefined || own === undefined || header === own) return header ?? own;
  throw invalid([{ field: 'idempotencyKey', message: 'must be the key in the header Idempotency-Key' }]);
}

/** Relative, so that it is right behind a proxy that serves all this below a path of its own. */
const placeOf = ({ path }: Request) => (path.endsWith('/') ? '' : 'commands/');

/** Whether all of it had been stored before. */
const isAgain = (replies: readonly SubmitReply[]) => replies.every(({ word }) => word === 'same');

/**
 * Throws for every reply but those that a client may take for success.
 *
 * @param keyFieldOf where the key of a command stands in the request
 */
function refuse(replies: readonly SubmitReply[], keyFieldOf: (place: number) => string): void {
  for (const [i, reply] of replies.entries()) {
    const problem = problemOfReply(reply, () => keyFieldOf(i));
    if (problem) throw problem;
  }
}

function problemOfReply(reply: SubmitReply, keyField: () => string): Problem | undefined {
  switch (reply.word) {
    case 'accepted':
    case 'same':
    // Another one of the batch is the conflict.
    case 'unstored':
      return undefined;
    case 'conflict':
      return keyReused(keyField());
    case 'full':
      return new Problem('backlog_full', 'too many commands are waiting already; nothing was stored', {
        headers: { 'Retry-After': '5' },
      });
    case 'queues-full':
      return tooManyQueues();
    case 'expired':
      return redisUnavailable('the clock of Redis jumps', 'unknown');
    case 'broken':
      return brokenKey(reply.key);
  }
}

/** @param field the header, or `commands[3].idempotencyKey` */
const keyReused = (field: string) =>
  new Problem(
    'idempotency_key_reused',
    field === 'Idempotency-Key'
      ? 'this Idempotency-Key came with another body before: a new command needs a new key'
      : `${field} came with another body before: a new command needs a new key; nothing of the batch was stored`,
    { errors: [{ field, message: 'must be new for a new command' }] },
  );
