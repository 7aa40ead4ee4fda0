import { type Command, Option } from 'commander';
import {
  type CancelFilter,
  type Client,
  type ListFilter,
  type RetryFilter,
} from '../../shared/client/client.js';
import { RequestRejectedError } from '../../shared/client/errors.js';
import { executedSchema } from '../../shared/protocol/commands.js';
import { commandErrorCodes } from '../../shared/protocol/errors.js';
import { type CancelQuery, type RetryQuery } from '../../shared/protocol/control-api.js';
import { namedIds, orFromInput } from './command-ids.js';
import { listedText } from './command-text.js';
import { exitCodes, UsageError } from './exit-codes.js';
import { linesOfRefusal } from './faults.js';
import { examples, type ServerFlags, withServerFlags } from './flags.js';
import { type FilterFlags, withFilterFlags } from './list.js';
import { ProgressBar } from './progress-bar.js';
import { withClient } from './session.js';
import { type Terminal } from './terminal.js';

interface ManyFlags extends ServerFlags, FilterFlags {
  readonly dryRun?: boolean;
}
interface CancelFlags extends ManyFlags {
  readonly status?: CancelQuery['status'];
}
interface RetryFlags extends ManyFlags {
  readonly all?: boolean;
  readonly code?: RetryQuery['code'];
  readonly executed?: RetryQuery['executed'];
}

const dryRun = new Option('--dry-run', 'list the affected commands, and change nothing');

/** `cancel`: by id, or everything that passes a filter. */
export function cancelCommand(command: Command, terminal: Terminal): Command {
  return withFilterFlags(withServerFlags(command))
    .description('cancel commands: waiting ones end at once, running ones are asked to stop')
    .argument('[commandIds...]', `ids; ${orFromInput}; or --status: every command that matches`)
    .addOption(
      new Option('--status <status>', 'all waiting commands, or all running ones').choices([
        'PENDING',
        'RUNNING',
      ]),
    )
    .addOption(dryRun)
    .addHelpText(
      'after',
      examples(
        ['cancel 01a20347-41c9-70fb-9717-be09e4a1f184', 'cancel one command'],
        ['list --queue mail --json | fencepost cancel -', 'cancel all listed commands'],
        ['cancel --status PENDING --type DELAY --dry-run', 'list the commands that would be cancelled'],
      ),
    )
    .action((ids: string[], flags: CancelFlags) =>
      withClient(flags, terminal, async (client) => {
        if (isByIds(ids, flags.status !== undefined, 'give ids, or a --status', flags)) {
          return cancelByIds(client, await namedIds(ids, terminal), flags, terminal);
        }
        return cancelByFilter(client, flags, terminal);
      }),
    );
}

function cancelByIds(client: Client, ids: readonly string[], flags: CancelFlags, terminal: Terminal) {
  return forEachId(ids, flags, terminal, async (id) => {
    const answer = await client.cancel(id, { signal: terminal.signal });
    const isRequested = answer.state === 'requested';
    const text = isRequested ? 'cancellation requested; fencepost wait prints the outcome' : 'cancelled';
    return { answer, text };
  });
}

async function cancelByFilter(client: Client, flags: CancelFlags, terminal: Terminal): Promise<number> {
  const filter: CancelFilter = { status: flags.status ?? 'PENDING', ...scopeOf(flags) };
  if (flags.dryRun) return listOnly(client, filter, () => true, flags, terminal);
  const bar = new ProgressBar(terminal.stderr, 'cancelling');
  const onPage = (sum: { cancelled: number; requested: number }) => bar.update(sum.cancelled + sum.requested);
  const sum = await client.cancelAll(filter, { signal: terminal.signal, onPage }).finally(() => bar.end());
  if (flags.json) terminal.printJson(sum);
  else
    terminal.print(
      `${sum.cancelled} cancelled, ${sum.requested} cancellation requested, ${sum.skipped} skipped (status changed)`,
    );
  return exitCodes.done;
}

/** `retry`: by id, or everything that FAILED and passes a filter. */
export function retryCommand(command: Command, terminal: Terminal): Command {
  return withFilterFlags(withServerFlags(command))
    .description('retry commands that FAILED')
    .argument(
      '[commandIds...]',
      `ids; ${orFromInput}; or --all, --code, --executed, --type, --queue: every command that matches`,
    )
    .option('--all', 'every command that FAILED')
    .addOption(new Option('--code <code>', 'commands that failed with this code').choices(commandErrorCodes))
    .addOption(
      new Option('--executed <answer>', 'by whether execution began; no is always safe to retry').choices(
        executedSchema.options,
      ),
    )
    .addOption(dryRun)
    .addHelpText(
      'after',
      examples(
        ['retry 01a20347-41c9-70fb-9717-be09e4a1f184', 'retry one command'],
        [
          'retry --code AGENT_LOST --executed unknown --dry-run',
          'list lost commands that may have been executed',
        ],
      ),
    )
    .action((ids: string[], flags: RetryFlags) =>
      withClient(flags, terminal, async (client) => {
        const { all, code, executed, type, queue } = flags;
        const isFiltered = [all, code, executed, type, queue].some((flag) => flag !== undefined);
        if (isByIds(ids, isFiltered, 'give ids, a filter, or --all', flags)) {
          return forEachId(await namedIds(ids, terminal), flags, terminal, async (id) => {
            const answer = await client.retry(id, { signal: terminal.signal });
            return { answer, text: answer.note === null ? 'retried' : `retried; ${answer.note}` };
          });
        }
        return retryByFilter(client, flags, terminal);
      }),
    );
}

async function retryByFilter(client: Client, flags: RetryFlags, terminal: Terminal): Promise<number> {
  const { code, executed } = flags;
  if (flags.dryRun) {
    const passes = ({ error }: Listed) =>
      (code === undefined || error?.code === code) &&
      (executed === undefined || error?.executed === executed);
    return listOnly(client, { status: 'FAILED', ...scopeOf(flags) }, passes, flags, terminal);
  }
  const filter: RetryFilter = {
    ...(code ? { code } : {}),
    ...(executed ? { executed } : {}),
    ...scopeOf(flags),
  };
  const bar = new ProgressBar(terminal.stderr, 'retrying');
  const onPage = (sum: { retried: number }) => bar.update(sum.retried);
  const sum = await client.retryAll(filter, { signal: terminal.signal, onPage }).finally(() => bar.end());
  if (flags.json) terminal.printJson(sum);
  else
    terminal.print(
      `${sum.retried} retried (${sum.mayStillRun} may still run), ${sum.skipped} skipped (status changed)`,
    );
  return exitCodes.done;
}

type Listed = Parameters<typeof listedText>[0];

const scopeOf = ({ type, queue }: FilterFlags): { type?: string; queue?: string } => ({
  ...(type === undefined ? {} : { type }),
  ...(queue === undefined ? {} : { queue }),
});

/** One or the other: both together would act on more than was meant, and neither on everything. */
function isByIds(ids: readonly string[], isFiltered: boolean, neither: string, flags: ManyFlags): boolean {
  if (ids.length === 0 && !isFiltered) throw new UsageError(`commandIds: ${neither}`);
  if (ids.length === 0) return false;
  const scope = flags.type === undefined && flags.queue === undefined;
  if (isFiltered || !scope) throw new UsageError('commandIds: give ids or a filter, not both');
  if (flags.dryRun) throw new UsageError('--dry-run: needs a filter; get shows a command');
  return true;
}

/** Acts on one id after the other. A refusal of one does not keep the others from it. */
async function forEachId(
  ids: readonly string[],
  { json }: ServerFlags,
  terminal: Terminal,
  act: (id: string) => Promise<{ answer: object; text: string }>,
): Promise<number> {
  const bar = new ProgressBar(terminal.stderr, 'sending', ids.length);
  let code: number = exitCodes.done;
  for (const [i, id] of ids.entries()) {
    try {
      const { answer, text } = await act(id);
      bar.end();
      if (json) terminal.printJson(answer);
      else terminal.print(`${id}  ${text}`);
    } catch (error) {
      if (!(error instanceof RequestRejectedError)) throw error;
      bar.end();
      for (const line of linesOfRefusal(error)) terminal.say(`${id}  ${line}`);
      code = exitCodes.failed;
    }
    bar.update(i + 1);
  }
  bar.end();
  return code;
}

async function listOnly(
  client: Client,
  filter: ListFilter,
  passes: (listed: Listed) => boolean,
  { json }: ServerFlags,
  terminal: Terminal,
): Promise<number> {
  let count = 0;
  for await (const listed of client.list({ ...filter, limit: 200 }, { signal: terminal.signal })) {
    if (!passes(listed)) continue;
    count += 1;
    if (json) terminal.printJson(listed);
    else terminal.print(listedText(listed, terminal.paint));
  }
  if (!json) terminal.say(`${count} commands; nothing was changed`);
  return exitCodes.done;
}
