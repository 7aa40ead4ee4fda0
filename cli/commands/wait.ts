import { type Command as Subcommand, Option } from 'commander';
import { type Client, type Command } from '../../shared/client/client.js';
import { WaitTimeoutError } from '../../shared/client/errors.js';
import { namedIds, orFromInput } from './command-ids.js';
import { endedText } from './command-text.js';
import { exitCodes } from './exit-codes.js';
import { examples, type ServerFlags, withServerFlags } from './flags.js';
import { ProgressBar } from './progress-bar.js';
import { withClient } from './session.js';
import { type Terminal } from './terminal.js';
import { by, durationSchema } from './values.js';

interface WaitFlags extends ServerFlags {
  readonly timeout?: number;
}

/** How many answers are held at once: a server holds thousands, but each is a connection of ours. */
const atOnce = 30;

/** `wait`: until commands have ended. */
export function waitCommand(command: Subcommand, terminal: Terminal): Subcommand {
  return withServerFlags(command, '1m')
    .description('wait until commands have ended, and print their outcomes; exit code 1 if one FAILED')
    .argument('<commandIds...>', `one or more ids; ${orFromInput}`)
    .addOption(
      new Option('--timeout <time>', 'maximum time to wait; exit code 1 when it is over').argParser(
        by(durationSchema),
      ),
    )
    .addHelpText(
      'after',
      examples(
        ['wait 01a20347-41c9-70fb-9717-be09e4a1f184 --timeout 30s', 'wait for half a minute at most'],
        ['submit --file commands.jsonl | fencepost wait -', 'wait for every command of a file'],
      ),
    )
    .action((ids: string[], flags: WaitFlags) =>
      withClient(flags, terminal, async (client) =>
        waitForAll(client, await namedIds(ids, terminal), flags, terminal),
      ),
    );
}

/** Prints each as it ends. @returns the exit code */
export async function waitForAll(
  client: Pick<Client, 'wait'>,
  ids: readonly string[],
  { timeout, json }: Pick<WaitFlags, 'timeout' | 'json'>,
  terminal: Terminal,
): Promise<number> {
  const bar = new ProgressBar(terminal.stderr, 'waiting', ids.length);
  const deadline = timeout === undefined ? undefined : performance.now() + timeout;
  const rest = [...ids];
  let ended = 0;
  let completed = 0;
  const tell = (command: Command) => {
    // Both are on one screen: the line takes the place of the bar, which comes again below it.
    if (terminal.stdout.isTTY) bar.end();
    if (json) terminal.printJson(command);
    else terminal.print(endedText(command, terminal.paint));
    if (command.status === 'COMPLETED') completed += 1;
  };
  const waiter = async () => {
    for (let id = rest.shift(); id !== undefined; id = rest.shift()) {
      const timeoutMs = deadline === undefined ? undefined : Math.max(0, deadline - performance.now());
      try {
        tell(await client.wait(id, { timeoutMs, signal: terminal.signal }));
      } catch (error) {
        if (!(error instanceof WaitTimeoutError)) throw error;
        terminal.say(`${id} has not ended: its status is ${error.command?.status ?? 'not known'}`);
      }
      ended += 1;
      if (ids.length > 1) bar.update(ended);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(atOnce, ids.length) }, waiter));
  } finally {
    bar.end();
  }
  return completed === ids.length ? exitCodes.done : exitCodes.failed;
}
