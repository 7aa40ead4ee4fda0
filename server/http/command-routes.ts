import { type Request, type Response } from 'express';
import { type z } from 'zod';
import {
  type batchSubmittedSchema,
  commandQuerySchema,
  listQuerySchema,
  type submittedSchema,
} from '../../shared/protocol/api.js';
import { commandIdSchema, limits } from '../../shared/protocol/commands.js';
import { type SubmitReply } from '../../shared/lifecycle/transitions.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { readPage, startOf } from '../reading/command-list.js';
import { WaitingReasons } from '../reading/waiting-reasons.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { newCommand, parseIdempotencyKey } from '../submissions/new-command.js';
import { type SchemaChecker } from '../submissions/schema-checker.js';
import { parseBatch, parseSubmission } from '../submissions/submission-parser.js';
import { type Submitter } from '../submissions/submitter.js';
import { type TypeCatalog } from '../submissions/type-catalog.js';
import { type CommandWaiter } from '../waiting/command-waiter.js';
import { logWith } from './access-log.js';
import { answer } from './answer.js';
import { type Endpoint } from './endpoint.js';
import { brokenKey, redisUnavailable, tooManyQueues } from './fault.js';
import { invalid, Problem } from './problem.js';
import { parseQuery } from './query.js';

export interface CommandRoutesOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly catalog: TypeCatalog;
  readonly checker: Pick<SchemaChecker, 'check'>;
  readonly submitter: Submitter;
  readonly waiter: CommandWaiter;
}

export function commandRoutes(options: CommandRoutesOptions): Endpoint[] {
  const { link, keys, catalog, checker, submitter, waiter } = options;
  const reasons = new WaitingReasons({ link, keys });

  async function submitOne(request: Request, response: Response): Promise<void> {
    const key = parseIdempotencyKey(request.get('Idempotency-Key'));
    const command = newCommand(await parseSubmission(request.body, { catalog, checker }), key);
    logWith(response, { commandId: command.id });
    const [reply] = await submitter.submit([command]);
    const isAgain = reply !== undefined && refuse([reply], ({ word }) => word === 'same');
    // Without a key `same` only means that this very call was delivered twice.
    const status = isAgain && key !== undefined ? 200 : 202;
    const body = { commandId: command.id } satisfies z.input<typeof submittedSchema>;
    answer(response, status, body, { Location: `/commands/${command.id}` });
  }

  async function submitBatch(request: Request, response: Response): Promise<void> {
    if (request.get('Idempotency-Key') !== undefined) {
      const message = 'is for single commands: a batch that is sent again is stored again';
      throw invalid([{ field: 'Idempotency-Key', message }]);
    }
    const commands = (await parseBatch(request.body, { catalog, checker })).map((checked) =>
      newCommand(checked),
    );
    logWith(response, { commands: commands.length });
    refuse(await submitter.submit(commands), () => false);
    const commandIds = commands.map(({ id }) => id);
    answer(response, 202, { commandIds } satisfies z.input<typeof batchSubmittedSchema>);
  }

  async function show(request: Request, response: Response): Promise<void> {
    const id = commandIdSchema.safeParse(request.params.id).data?.toLowerCase();
    if (id === undefined) throw noSuchCommand();
    logWith(response, { commandId: id });
    const { wait } = parseQuery(commandQuerySchema, request);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const command = await waiter.wait(id, wait * 1000, gone.signal);
    if (!command) throw noSuchCommand();
    const [explained] = await reasons.explain([command]);
    response.json(explained);
  }

  async function list(request: Request, response: Response): Promise<void> {
    const query = parseQuery(listQuerySchema, request);
    const start = startOf(query);
    if (start === 'bad') {
      const message = 'must be the nextCursor of a page of this list, with the same status';
      throw invalid([{ field: 'cursor', message }]);
    }
    const page = await link.call((redis) => readPage(redis, keys, query, start));
    response.json({ ...page, commands: await reasons.explain(page.commands) });
  }

  return [
    {
      method: 'post',
      path: '/commands',
      about: 'submit a command; send an Idempotency-Key to be able to send it again',
      bodyBytes: limits.bodyBytes,
      handle: submitOne,
    },
    {
      method: 'get',
      path: '/commands',
      about: 'list commands, newest first: ?status= &type= &queue= &limit= &cursor=',
      handle: list,
    },
    {
      method: 'post',
      path: '/commands/batch',
      about: `submit up to ${limits.batchCommands} commands at once`,
      bodyBytes: limits.batchBodyBytes,
      handle: submitBatch,
    },
    {
      method: 'get',
      path: '/commands/:id',
      about: 'one command; ?wait=30 holds the answer until it has ended',
      handle: show,
    },
  ];
}

const noSuchCommand = () => new Problem('not_found', 'there is no command with this id');

/** Throws for every reply but those that a client may take for success. @returns whether `again` held for one */
function refuse(replies: readonly SubmitReply[], again: (reply: SubmitReply) => boolean): boolean {
  for (const reply of replies) {
    const problem = problemOfReply(reply);
    if (problem) throw problem;
  }
  return replies.some(again);
}

function problemOfReply(reply: SubmitReply): Problem | undefined {
  switch (reply.word) {
    case 'accepted':
    case 'same':
      return undefined;
    case 'conflict':
      return new Problem(
        'idempotency_key_reused',
        'this Idempotency-Key came with another body before: a new command needs a new key',
        { errors: [{ field: 'Idempotency-Key', message: 'must be new for a new command' }] },
      );
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
