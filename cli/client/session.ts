import { type Client, createClient } from '../../shared/client/client.js';
import { exitCodes } from './exit-codes.js';
import { patienceOf, type ServerFlags } from './flags.js';
import { resolveWhereabouts } from './settings.js';
import { type Terminal } from './terminal.js';

/** Runs what a subcommand does with a client that is closed after it; its exit code becomes that of the program. */
export async function withClient(
  flags: ServerFlags,
  terminal: Terminal,
  run: (client: Client) => Promise<number | undefined>,
): Promise<void> {
  const { serverUrl } = resolveWhereabouts(flags);
  const client = createClient({ url: serverUrl, ...patienceOf(flags) });
  try {
    terminal.exitCode = (await run(client)) ?? exitCodes.done;
  } finally {
    await client.close();
  }
}
