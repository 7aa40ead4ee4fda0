import { type Command, Option } from 'commander';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { type Client, type Submission } from '../../shared/client/client.js';
import {
  commandTypeSchema,
  defaults,
  keyPattern,
  keyRule,
  limits,
  onAgentLostSchema,
  queueNameSchema,
  submissionSchema,
} from '../../shared/protocol/commands.js';
import { decodeText, readTextFile, TextUnreadableError } from '../../shared/runtime/text-file.js';
import { exitCodes, UsageError } from './exit-codes.js';
import { examples, withServerFlags } from './flags.js';
import { parseJson } from './json-argument.js';
import { withClient } from './session.js';
import { submitFile } from './submit-file.js';
import { type SubmitFlags } from './submit-flags.js';
import { type Terminal } from './terminal.js';
import { by, countSchema, durationSchema } from './values.js';
import { waitForAll } from './wait.js';

/** Far more than a payload may have, with all its spaces. */
const mostPayloadBytes = 16 * 1024 * 1024;

const keySchema = z.string().regex(keyPattern, { error: keyRule });

/** `submit`: one command by its type and payload, or as many as a file has lines. */
export function submitCommand(command: Command, terminal: Terminal): Command {
  const withIdentity = withServerFlags(command, '30s')
    .description('submit a command, or one per line of a file, and print its id')
    .argument('[type]', 'the command type; fencepost types lists them')
    .argument('[payload]', 'JSON; @file: contents of a file; -: standard input; {} if left out')
    .addOption(
      new Option(
        '--file <path>',
        'file with a JSON object per line, as for POST /commands; -: standard input',
      ),
    )
    .addOption(
      new Option('--queue <queue>', `queue of the command; ${defaults.queue} if unset`).argParser(
        by(queueNameSchema),
      ),
    )
    .addOption(
      new Option(
        '--idempotency-key <key>',
        'one key, one command; with --file, <key>:<line> for each line',
      ).argParser(by(keySchema)),
    )
    .addOption(
      new Option('--key <key>', 'short for --idempotency-key')
        .argParser(by(keySchema))
        .conflicts('idempotencyKey')
        .hideHelp(),
    );
  return withSubmissionFlags(withIdentity)
    .option('--wait', 'wait until it has ended, and print its outcome; exit code 1 if it FAILED')
    .addHelpText('after', exampleLines)
    .action((type: string | undefined, payload: string | undefined, given: SubmitFlags) => {
      const { key, idempotencyKey = key, ...rest } = given;
      const flags = { ...rest, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) };
      if (flags.file !== undefined) {
        checkFileFlags(type, flags);
        return withClient(flags, terminal, (client) =>
          submitFile(client, flags.file ?? '-', flags, terminal),
        );
      }
      if (type === undefined) throw new UsageError('type: missing; name a command type, or --file');
      return withClient(flags, terminal, async (client) => {
        const submission = await submissionOf(type, payload, flags, terminal);
        return submitOne(client, submission, flags, terminal);
      });
    });
}

const exampleLines = examples(
  [`submit DELAY '{"ms": 1500}' --wait`, 'submit a command, and print its outcome'],
  [
    `submit HTTP_GET_JSON '{"url": "http://127.0.0.1:3000/health"}' --idempotency-key order-4711`,
    'submitting twice with the same key creates one command',
  ],
  [
    'submit --file commands.jsonl --idempotency-key import-7',
    'submit a command per line; repeated after a failure, it stores no command twice',
  ],
);

/** The flags that are fields of a submission. */
function withSubmissionFlags(command: Command): Command {
  const duration = (flags: string, about: string) => new Option(flags, about).argParser(by(durationSchema));
  const count = (flags: string, about: string, most: number) =>
    new Option(flags, about).argParser(by(countSchema(1, most)));
  return command
    .addOption(duration('--timeout <time>', 'how long an attempt may take; that of its type if unset'))
    .addOption(duration('--ttl <time>', 'the command fails unless it is started within this time'))
    .addOption(
      duration('--delay <time>', 'the command is not started before this time has passed').conflicts('runAt'),
    )
    .addOption(
      new Option(
        '--run-at <time>',
        'the command is not started before this time, such as 2026-11-22T18:00:00Z',
      ),
    )
    .addOption(
      new Option('--on-agent-lost <policy>', 'whether to execute it again after its agent was lost').choices(
        onAgentLostSchema.options,
      ),
    )
    .addOption(
      count(
        '--max-losses <n>',
        `with retry: lost agents after which the command fails; ${defaults.maxLosses} if unset`,
        limits.maxLosses,
      ),
    )
    .addOption(
      count(
        '--max-attempts <n>',
        `failed attempts after which the command fails; ${defaults.maxAttempts} if unset`,
        limits.maxAttempts,
      ),
    );
}

async function submitOne(
  client: Client,
  submission: Submission,
  { idempotencyKey, wait, json }: SubmitFlags,
  terminal: Terminal,
): Promise<number> {
  const submitted = await client.submit(submission, { idempotencyKey, signal: terminal.signal });
  if (wait) {
    // A user who stops waiting wants to know which command runs on.
    terminal.say(submitted.commandId);
    return waitForAll(client, [submitted.commandId], json ? { json } : {}, terminal);
  }
  if (json) terminal.printJson(submitted);
  else terminal.print(submitted.commandId);
  return exitCodes.done;
}

async function submissionOf(
  type: string,
  payload: string | undefined,
  flags: SubmitFlags,
  terminal: Terminal,
): Promise<Submission> {
  const { queue, timeout, ttl, delay, runAt, onAgentLost, maxLosses, maxAttempts } = flags;
  const given = {
    type: check('type', commandTypeSchema.safeParse(type)),
    payload: parseJson('payload', await textOf(payload ?? '{}', terminal)),
    queue,
    timeoutMs: timeout,
    ttlMs: ttl,
    delayMs: delay,
    runAt,
    onAgentLost,
    maxLosses,
    maxAttempts,
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  check('', submissionSchema.safeParse(set));
  // The check has shown that this is a submission; zod's copy of a payload lacks keys named `__proto__`.
  return set as Submission;
}

async function textOf(payload: string, { stdin }: Terminal): Promise<string> {
  const path = payload.slice(1);
  if (payload !== '-' && !payload.startsWith('@')) return payload;
  try {
    return payload === '-' ? decodeText(await buffer(stdin)) : readTextFile(path, mostPayloadBytes).text;
  } catch (error) {
    if (!(error instanceof TextUnreadableError)) throw error;
    throw new UsageError(`payload: ${payload === '-' ? 'standard input' : path} ${error.message}`);
  }
}

/** The flag or argument that each field of a submission comes from. */
const flagOfField: ReadonlyMap<string, string> = new Map([
  ['queue', '--queue'],
  ['timeoutMs', '--timeout'],
  ['ttlMs', '--ttl'],
  ['delayMs', '--delay'],
  ['runAt', '--run-at'],
  ['onAgentLost', '--on-agent-lost'],
  ['maxLosses', '--max-losses'],
  ['maxAttempts', '--max-attempts'],
]);

/** @throws UsageError that names the flag or argument */
function check<T>(argument: string, parsed: z.ZodSafeParseResult<T>): T {
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = String(issue?.path[0] ?? '');
  throw new UsageError(
    `${flagOfField.get(field) ?? (argument || field)}: ${issue?.message ?? 'is not valid'}`,
  );
}

function checkFileFlags(type: string | undefined, flags: SubmitFlags): void {
  if (type !== undefined) throw new UsageError('type: with --file each line has its own');
  const names = [
    'queue',
    'timeout',
    'ttl',
    'delay',
    'runAt',
    'onAgentLost',
    'maxLosses',
    'maxAttempts',
  ] as const;
  const given = names.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`--${flag}: with --file each line has its own`);
}
