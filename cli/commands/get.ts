import { type Command } from 'commander';
import { RequestRejectedError } from '../../shared/client/errors.js';
import { namedIds, orFromInput } from './command-ids.js';
import { commandText } from './command-text.js';
import { exitCodes } from './exit-codes.js';
import { examples, type ServerFlags, withServerFlags } from './flags.js';
import { withClient } from './session.js';
import { type Terminal } from './terminal.js';

/** `get`: commands, with all that is known of them. */
export function getCommand(command: Command, terminal: Terminal): Command {
  return withServerFlags(command)
    .description('show commands, with their status, payload, result and history')
    .argument('<commandIds...>', `ids as printed by submit; ${orFromInput}`)
    .addHelpText(
      'after',
      examples(
        ['get 01a20347-41c9-70fb-9717-be09e4a1f184', 'all fields of a command'],
        ['get --json 01a20347-41c9-70fb-9717-be09e4a1f184 | jq .result', 'only its result'],
      ),
    )
    .action((ids: string[], flags: ServerFlags) =>
      withClient(flags, terminal, async (client) => {
        const all = await namedIds(ids, terminal);
        let code: number = exitCodes.done;
        for (const [i, id] of all.entries()) {
          try {
            const found = await client.get(id, { signal: terminal.signal });
            if (i > 0 && !flags.json) terminal.print('');
            if (flags.json) terminal.printJson(found);
            else for (const line of commandText(found, terminal.paint)) terminal.print(line);
          } catch (error) {
            // One that is refused does not keep the others from being shown.
            if (all.length === 1 || !(error instanceof RequestRejectedError)) throw error;
            terminal.say(`${id}  ${error.message}`);
            code = exitCodes.failed;
          }
        }
        return code;
      }),
    );
}
