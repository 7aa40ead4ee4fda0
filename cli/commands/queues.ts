import { type Command } from 'commander';
import { type QueueView } from '../../shared/protocol/api.js';
import { queueNameSchema } from '../../shared/protocol/commands.js';
import { examples, handDownFlags, type ServerFlags, withServerFlags } from './flags.js';
import { type Paint } from '../paint.js';
import { withClient } from './session.js';
import { tableText } from './table.js';
import { type Terminal } from './terminal.js';
import { by } from './values.js';

/** `queues`: what waits where; and `queues pause`, `queues resume`. */
export function queuesCommand(command: Command, terminal: Terminal): Command {
  withServerFlags(handDownFlags(command))
    .description('list queues: how many commands wait, for how long, and whether they are paused')
    .addHelpText(
      'after',
      examples(['queues', 'list all queues'], ['queues pause mail', 'pause the queue mail']),
    )
    .action((flags: ServerFlags) =>
      withClient(flags, terminal, async (client) => {
        const queues = await client.queues({ signal: terminal.signal });
        if (flags.json) terminal.printJson({ queues });
        else if (queues.length === 0) terminal.say('none: the first command creates one');
        else for (const line of queuesTable(queues, terminal.paint)) terminal.print(line);
        return undefined;
      }),
    );
  change(
    command.command('pause'),
    'pause',
    'pause a queue for all agents; running commands continue',
    terminal,
  );
  change(command.command('resume'), 'resume', 'resume a paused queue', terminal);
  return command;
}

function change(command: Command, what: 'pause' | 'resume', about: string, terminal: Terminal): void {
  withServerFlags(command)
    .description(about)
    .argument('<queue>', 'name of the queue', by(queueNameSchema))
    .addHelpText('after', examples([`queues ${what} mail`, about.split(';')[0] ?? '']))
    .action((queue: string, flags: ServerFlags) =>
      withClient(flags, terminal, async (client) => {
        const options = { signal: terminal.signal };
        const view = await (what === 'pause'
          ? client.pauseQueue(queue, options)
          : client.resumeQueue(queue, options));
        if (flags.json) terminal.printJson(view);
        else
          terminal.print(`${queue} ${view.paused ? `is paused since ${view.pausedAt ?? ''}` : 'is resumed'}`);
        return undefined;
      }),
    );
}

function queuesTable(queues: readonly QueueView[], paint: Paint): string[] {
  const head = ['QUEUE', 'WAITING', 'IN FLIGHT', 'OLDEST WAIT', 'CONSUMERS', 'STATE'].map(paint.faint);
  const rows = queues.map(({ queue, length, pending, oldestWaitingMs, consumers, paused }) => [
    queue,
    String(Math.max(0, length - pending)),
    String(pending),
    oldestWaitingMs === null ? '' : `${(oldestWaitingMs / 1000).toFixed(1)} s`,
    String(consumers),
    paused ? paint.busy('paused') : paint.good('open'),
  ]);
  return tableText([head, ...rows]);
}
