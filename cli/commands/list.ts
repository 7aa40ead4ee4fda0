import { type Command, Option } from 'commander';
import { type ListFilter } from '../../shared/client/client.js';
import {
  commandTypeSchema,
  limits,
  queueNameSchema,
  type Status,
  statuses,
} from '../../shared/protocol/commands.js';
import { listedText, listHead } from './command-text.js';
import { examples, type ServerFlags, withServerFlags } from './flags.js';
import { withClient } from './session.js';
import { type Terminal } from './terminal.js';
import { by, countSchema } from './values.js';

/** The flags that select commands. */
export interface FilterFlags {
  readonly type?: string;
  readonly queue?: string;
}

interface ListFlags extends ServerFlags, FilterFlags {
  readonly status?: Status;
  readonly limit: number;
  readonly all?: boolean;
}

export function withFilterFlags(command: Command): Command {
  return command
    .addOption(new Option('--type <type>', 'only commands of this type').argParser(by(commandTypeSchema)))
    .addOption(new Option('--queue <queue>', 'only commands of this queue').argParser(by(queueNameSchema)));
}

/** `list`: commands, newest first. */
export function listCommand(command: Command, terminal: Terminal): Command {
  return withFilterFlags(withServerFlags(command))
    .description('list commands, newest first')
    .addOption(new Option('--status <status>', 'only commands with this status').choices(statuses))
    .addOption(
      new Option('--limit <n>', 'maximum number of commands')
        .default(50)
        .argParser(by(countSchema(1, 1_000_000)))
        .conflicts('all'),
    )
    .option('--all', 'all commands')
    .addHelpText(
      'after',
      examples(
        ['list --status FAILED --type DELAY', 'list the newest 50 that failed'],
        ['list --all --json | jq -r .commandId', 'print the id of every command'],
      ),
    )
    .action((flags: ListFlags) =>
      withClient(flags, terminal, async (client) => {
        const most = flags.all ? Infinity : flags.limit;
        let count = 0;
        const filter: ListFilter = { ...filterOf(flags), limit: Math.min(most, limits.listLimit) };
        for await (const listed of client.list(filter, { signal: terminal.signal })) {
          if (count === 0 && !flags.json) terminal.print(terminal.paint.faint(listHead));
          if (flags.json) terminal.printJson(listed);
          else terminal.print(listedText(listed, terminal.paint));
          count += 1;
          if (count >= most) break;
        }
        if (count === 0 && !flags.json) terminal.say('none');
        return undefined;
      }),
    );
}

const filterOf = ({ status, type, queue }: ListFlags): ListFilter => ({
  ...(status ? { status } : {}),
  ...(type === undefined ? {} : { type }),
  ...(queue === undefined ? {} : { queue }),
});
