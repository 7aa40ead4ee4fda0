import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { type Command } from 'commander';
import { projectRoot } from '../project-root.js';
import { UsageError } from './exit-codes.js';
import { type Terminal } from './terminal.js';

/** `bench` and `chaos`: the programs behind `npm run bench` and `npm run chaos`, with their own arguments and help. */
export function programCommand(
  command: Command,
  target: 'bench' | 'chaos',
  about: string,
  terminal: Terminal,
): Command {
  return command
    .description(about)
    .argument('[arguments...]', `what npm run ${target} takes; --help lists it`)
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (_: string[], __: object, self: Command) => {
      terminal.exitCode = await run(target, self.args, terminal.signal);
    });
}

/** Builds what is missing, as npm would. @returns its exit code */
function run(target: string, args: readonly string[], signal: AbortSignal): Promise<number> {
  const runner = join(projectRoot, 'cli', 'run.mjs');
  if (!existsSync(runner))
    throw new UsageError(`${target}: is in a clone of the repository, not in the package`);
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
