import { Argument, type Command } from 'commander';
import { createClient } from '../../shared/client/client.js';
import { resolveWhereabouts } from './settings.js';
import { type Terminal } from './terminal.js';

/** The kinds of things whose names a server knows. */
export const namedKinds = ['types', 'queues', 'agents'] as const;
export type NamedKind = (typeof namedKinds)[number];

/** A person has pressed Tab, and waits. */
const mostMs = 1500;

/** `names`, hidden: a shell runs it while it completes a line. Without a server it prints no name, and no error. */
export function namesCommand(command: Command, terminal: Terminal): Command {
  return command
    .description('print the names that a server knows, one per line, for completion')
    .addArgument(new Argument('<kind>', 'kind of names').choices(namedKinds))
    .action(async (kind: NamedKind) => {
      const names = await namesOf(kind, terminal.signal).catch(() => []);
      // Type names are chosen by others: only one that needs no quotes can be a word of a line.
      for (const name of names.filter((one) => /^[\w.-]+$/.test(one))) terminal.print(name);
    });
}

async function namesOf(kind: NamedKind, signal: AbortSignal): Promise<readonly string[]> {
  const { servers } = resolveWhereabouts({});
  const client = createClient({ ...servers, timeoutMs: mostMs, retryForMs: 0 });
  try {
    if (kind === 'types') return (await client.types({ signal })).map(({ type }) => type);
    if (kind === 'queues') return (await client.queues({ signal })).map(({ queue }) => queue);
    return (await client.agents({ signal })).map(({ agentId }) => agentId);
  } finally {
    await client.close();
  }
}

/** Returns the kind of name that an argument, or the value of a flag, is: by what help texts call it. */
export function kindOfValue(name: string): NamedKind | undefined {
  return namedKinds.find((kind) =>
    ({ types: ['type'], queues: ['queue'], agents: ['agentId'] })[kind].includes(name),
  );
}
