import { type Client, type ClientOptions, createClient } from '../../shared/client/client.js';
import { exitCodes } from './exit-codes.js';
import { patienceOf, type ServerFlags } from './flags.js';
import { resolveWhereabouts } from './settings.js';
import { type Terminal } from './terminal.js';
import { durationText } from './values.js';

/** Runs what a subcommand does with a client that is closed after it; its exit code becomes that of the program. */
export async function withClient(
  flags: ServerFlags,
  terminal: Terminal,
  run: (client: Client) => Promise<number | undefined>,
): Promise<void> {
  const { servers } = resolveWhereabouts(flags);
  const client = createClient({ ...servers, ...patienceOf(flags), ...wordsOf(flags, terminal) });
  try {
    terminal.exitCode = (await run(client)) ?? exitCodes.done;
  } finally {
    await client.close();
  }
}

/** Reports the loss and the return of the server: a user who waits wants to know for what. */
function wordsOf({ retryFor }: ServerFlags, terminal: Terminal): Pick<ClientOptions, 'onAway' | 'onBack'> {
  return {
    onAway: (reason) => terminal.say(`${reason}; retrying for ${durationText(retryFor)}`),
    onBack: () => terminal.say('the server answers again'),
  };
}
