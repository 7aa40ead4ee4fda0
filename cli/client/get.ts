import { type Command } from 'commander';
import { checkCommandId } from './command-ids.js';
import { commandText } from './command-text.js';
import { examples, type ServerFlags, withServerFlags } from './flags.js';
import { withClient } from './session.js';
import { type Terminal } from './terminal.js';

/** `get`: one command, with all that is known of it. */
export function getCommand(command: Command, terminal: Terminal): Command {
  return withServerFlags(command)
    .description('show a command: its status, payload, result, and what happened to it')
    .argument('<commandId>', 'as submit printed it')
    .addHelpText(
      'after',
      examples(
        ['get 01a20347-41c9-70fb-9717-be09e4a1f184', 'all that is known of it'],
        ['get --json 01a20347-41c9-70fb-9717-be09e4a1f184 | jq .result', 'its result alone'],
      ),
    )
    .action((text: string, flags: ServerFlags) => {
      const commandId = checkCommandId(text);
      return withClient(flags, terminal, async (client) => {
        const found = await client.get(commandId, { signal: terminal.signal });
        if (flags.json) terminal.printJson(found);
        else terminal.print(commandText(found, terminal.paint));
        return undefined;
      });
    });
}
