import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { type Command } from 'commander';
import { projectRoot } from '../project-root.js';
import { UsageError } from './exit-codes.js';
import { type Terminal } from './terminal.js';

/** The programs that run Fencepost, which an installed package has as well; the last two only a clone has. */
export type ProgramName = 'start' | 'server' | 'agent' | 'bench' | 'chaos';

/** A program of its own behind a subcommand, with its own arguments and help. */
export function programCommand(
  command: Command,
  target: ProgramName,
  about: string,
  terminal: Terminal,
): Command {
  return command
    .description(about)
    .argument('[arguments...]', `the arguments of ${npmLine(target)}; --help lists them`)
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (_: string[], __: object, self: Command) => {
      terminal.exitCode = await run(target, self.args, terminal.signal);
    });
}

const npmLine = (target: ProgramName) => (target === 'start' ? 'npm start' : `npm run ${target}`);

/**
 * Runs it as a child, for those who start the command line by `npm run cli`: `npx fencepost start`, `server` and
 * `agent` become these programs before they come here (cli/fencepost.mjs). Builds what is missing, as npm would.
 *
 * @returns its exit code
 */
function run(target: ProgramName, args: readonly string[], signal: AbortSignal): Promise<number> {
  const isInPackage = target !== 'bench' && target !== 'chaos';
  const runner = join(projectRoot, 'cli', isInPackage ? 'fencepost.mjs' : 'run.mjs');
  if (!existsSync(runner))
    throw new UsageError(`${target}: is only in a clone of the repository, not in the package`);
  const child = spawn(process.execPath, [runner, target, ...args], {
    stdio: 'inherit',
  });
  // A Ctrl-C in the terminal reaches it by itself, and two close to each other count as one.
  const stop = () => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, by) => {
      signal.removeEventListener('abort', stop);
      resolve(code ?? 128 + (by ? constants.signals[by] : 0));
    });
  });
}
