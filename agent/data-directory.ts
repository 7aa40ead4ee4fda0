import { join } from 'node:path';
import { makeDirectory } from '../shared/runtime/make-directory.js';
import { Journal } from './journal.js';
import { JournalLocked, JournalUnavailable } from './journal-store.js';

/** No data directory could be taken. The message has the reason or the remedy. */
export class DataDirectoryUnavailableError extends Error {
  override readonly name = 'DataDirectoryUnavailableError';
}

/** Far more agents than one machine runs: a bound, so that a broken lock cannot loop for ever. */
const mostDirectories = 1000;

/**
 * Takes a data directory below `DATA_DIR/agents`, and with it the agent's identity: with an
 * `AGENT_ID` the one of that name, else the first numbered one that no live process has, made if
 * there is none. So a second `npm run agent` just works.
 *
 * @throws DataDirectoryUnavailableError when the named one is in use, or nothing can be written
 */
export async function takeDataDirectory(dataDir: string, agentId?: string): Promise<Journal> {
  const agents = join(dataDir, 'agents');
  if (agentId !== undefined) return takeNamed(join(agents, agentId), agentId);
  for (let n = 1; n <= mostDirectories; n++) {
    const journal = await tryOpen(
      join(agents, String(n)),
      (instance) => `agent-${n}-${instance.slice(0, 6)}`,
    );
    if (journal) return journal;
  }
  throw new DataDirectoryUnavailableError(`all ${mostDirectories} agent directories in ${agents} are in use`);
}

async function takeNamed(directory: string, agentId: string): Promise<Journal> {
  const journal = await tryOpen(directory, () => agentId);
  if (!journal) {
    throw new DataDirectoryUnavailableError(
      `an agent named ${agentId} already runs on ${directory}: give this one another AGENT_ID, or none`,
    );
  }
  if (journal.identity.agentId === agentId) return journal;
  await journal.close();
  throw new DataDirectoryUnavailableError(
    `${directory} belongs to the agent ${journal.identity.agentId}: choose another AGENT_ID than ${agentId}`,
  );
}

/** The journal, or undefined while another process has it. */
async function tryOpen(
  directory: string,
  nameFor: (instance: string) => string,
): Promise<Journal | undefined> {
  try {
    // For its owner alone: results of commands are in there.
    makeDirectory(directory, 0o700);
  } catch (error) {
    throw new DataDirectoryUnavailableError(
      `DATA_DIR cannot be written: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  try {
    return await Journal.open(directory, nameFor);
  } catch (error) {
    if (error instanceof JournalLocked) return undefined;
    if (error instanceof JournalUnavailable) throw new DataDirectoryUnavailableError(error.message);
    throw error;
  }
}
