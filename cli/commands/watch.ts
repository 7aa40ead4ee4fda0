import { type Command as Subcommand } from 'commander';
import { type Client } from '../../shared/client/client.js';
import { type ClientEvent } from '../../shared/client/events.js';
import { resyncReasons, type TransitionEvent } from '../../shared/protocol/api.js';
import { type Status } from '../../shared/protocol/commands.js';
import { namedIds } from './command-ids.js';
import { endedText, statusText } from './command-text.js';
import { exitCodes, UsageError } from './exit-codes.js';
import { examples, type ServerFlags, withServerFlags } from './flags.js';
import { withClient } from './session.js';
import { rowText } from './table.js';
import { type Terminal } from './terminal.js';

/** `watch`: transitions as they happen. */
export function watchCommand(command: Subcommand, terminal: Terminal): Subcommand {
  return withServerFlags(command, '1m')
    .description('show status changes as they happen, of all commands or of one until it has ended')
    .argument('[commandId]', 'only this command; -: its id is on standard input; exit code 1 if it FAILED')
    .addHelpText(
      'after',
      examples(
        ['watch', 'watch all commands until Ctrl-C'],
        ['watch --json | jq -c \'select(.status == "FAILED")\'', 'print failures as they happen'],
      ),
    )
    .action((commandId: string | undefined, flags: ServerFlags) => {
      return withClient(flags, terminal, async (client) => {
        if (commandId === undefined) return watchAll(client, flags, terminal);
        const [id, another] = await namedIds([commandId], terminal);
        if (id === undefined || another !== undefined)
          throw new UsageError('commandId: give one id, or none to watch all commands');
        return watchOne(client, id, flags, terminal);
      });
    });
}

async function watchAll(client: Client, { json }: ServerFlags, terminal: Terminal): Promise<undefined> {
  let isOpen = false;
  const onOpen = () => {
    if (!isOpen) terminal.say(terminal.errorPaint.faint('watching; Ctrl-C ends it'));
    isOpen = true;
  };
  for await (const event of client.events({ signal: terminal.signal, onOpen })) {
    if (json) terminal.printJson(event);
    else terminal.print(eventText(event, terminal));
  }
  return undefined;
}

/** Watches one command until it has ended. Events are only hints: `wait` decides when that is. */
async function watchOne(
  client: Client,
  commandId: string,
  { json }: ServerFlags,
  terminal: Terminal,
): Promise<number> {
  const found = await client.get(commandId, { signal: terminal.signal });
  if (!json && !hasEnded(found.status)) {
    const { status, attempt, startedAt, createdAt } = found;
    const at = (status === 'RUNNING' ? startedAt : null) ?? createdAt;
    terminal.print(stepText({ commandId, status, attempt, progress: found.progress, at }, terminal));
  }
  const over = new AbortController();
  const signal = AbortSignal.any([terminal.signal, over.signal]);
  const told = tellEvents(client, commandId, json === true, terminal, signal);
  try {
    const ended = await Promise.race([client.wait(commandId, { signal }), told]);
    if (json) terminal.printJson({ kind: 'ended', command: ended });
    else terminal.print(endedText(ended, terminal.paint));
    return ended.status === 'FAILED' ? exitCodes.failed : exitCodes.done;
  } finally {
    over.abort();
    await told.catch(() => undefined);
  }
}

/** Prints events without end. Rejects when `signal` is aborted or the stream breaks. */
async function tellEvents(
  client: Client,
  commandId: string,
  json: boolean,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<never> {
  for await (const event of client.events({ commandId, signal })) {
    if (json) terminal.printJson(event);
    else if (event.kind === 'transition' && !hasEnded(event.status))
      terminal.print(eventText(event, terminal));
  }
  throw new Error('the stream of events has ended');
}

const hasEnded = (status: Status) => status === 'COMPLETED' || status === 'FAILED';

function eventText(event: ClientEvent, terminal: Terminal): string {
  if (event.kind === 'transition') return stepText(event, terminal);
  return terminal.paint.faint(`some changes may be missing here: ${resyncReasons[event.reason]}`);
}

function stepText(
  { at, commandId, status, attempt, progress }: TransitionEvent,
  { paint }: Terminal,
): string {
  const cells = [
    at.slice(11, 23),
    commandId,
    statusText(status, paint),
    attempt > 0 ? `attempt ${attempt}` : '',
    progress === null ? '' : JSON.stringify(progress),
  ];
  return rowText(cells, [12, 36, 9, 10]);
}
