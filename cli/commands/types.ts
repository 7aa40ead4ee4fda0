import { type Command } from 'commander';
import { type TypeView } from '../../shared/protocol/api.js';
import { exitCodes } from './exit-codes.js';
import { examples, type ServerFlags, withServerFlags } from './flags.js';
import { type Paint } from '../paint.js';
import { withClient } from './session.js';
import { tableText } from './table.js';
import { type Terminal } from './terminal.js';

/** `types`: what can be submitted. */
export function typesCommand(command: Command, terminal: Terminal): Command {
  return withServerFlags(command)
    .description('list command types, or show the schemas of one')
    .argument('[type]', 'only this type, with the JSON Schemas of its payload and result')
    .addHelpText(
      'after',
      examples(['types', 'list all command types'], ['types DELAY', 'show the schemas of DELAY']),
    )
    .action((type: string | undefined, flags: ServerFlags) =>
      withClient(flags, terminal, async (client) => {
        const all = await client.types({ signal: terminal.signal });
        const types = type === undefined ? all : all.filter((one) => one.type === type);
        if (flags.json) terminal.printJson({ types });
        else if (type === undefined)
          for (const line of typesTable(types, terminal.paint)) terminal.print(line);
        else {
          const lines = types.flatMap((one) => JSON.stringify(one, null, 2).split('\n'));
          for (const line of lines) terminal.print(line);
        }
        if (type === undefined || types.length > 0) return exitCodes.done;
        terminal.say(`there is no type ${type}; there are ${all.map((one) => one.type).join(', ')}`);
        return exitCodes.failed;
      }),
    );
}

function typesTable(types: readonly TypeView[], paint: Paint): string[] {
  const head = ['TYPE', 'SOURCE', 'ON AGENT LOST', 'TIMEOUT', 'ANNOUNCED', 'NOTE'].map(paint.faint);
  const rows = types.map(
    ({ type, source, onAgentLost, defaultTimeoutMs, announcedAt, schemaError, conflict }) => [
      type,
      source,
      onAgentLost ?? '',
      timeoutText(defaultTimeoutMs),
      announcedAt ?? '',
      paint.bad(schemaError ?? (conflict ? 'agents announce conflicting schemas' : '')),
    ],
  );
  return tableText([head, ...rows]);
}

function timeoutText(timeout: TypeView['defaultTimeoutMs']): string {
  if (timeout === null) return '';
  return typeof timeout === 'number' ? `${timeout} ms` : 'by payload';
}
