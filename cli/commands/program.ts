import { Command } from 'commander';
import { version } from '../../shared/runtime/version.js';
import { agentsCommand } from './agents.js';
import { completionCommand } from './completion.js';
import { cancelCommand, retryCommand } from './control.js';
import { doctorCommand } from './doctor.js';
import { getCommand } from './get.js';
import { listCommand } from './list.js';
import { namesCommand } from './names.js';
import { programCommand } from './programs.js';
import { queuesCommand } from './queues.js';
import { submitCommand } from './submit.js';
import { type Terminal } from './terminal.js';
import { typesCommand } from './types.js';
import { waitCommand } from './wait.js';
import { watchCommand } from './watch.js';

const exitCodeText = `
Exit codes: 0 done; 1 a command FAILED, is not known or has not ended, or doctor found a problem;
2 usage error; 3 the server does not answer, or Redis is away; 130 interrupted.
`;

const changing = (command: Command, terminal: Terminal) =>
  command.hook('preAction', () => {
    terminal.isChanging = command.opts<{ dryRun?: boolean }>().dryRun !== true;
  });

/** The tree of subcommands: what is parsed, helped with, documented and completed. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('fencepost')
    .description('Submit commands, watch them, and manage queues and agents.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help, or that of a command')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', exitCodeText)
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: false, helpWidth: 100 })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
    });
  submitCommand(changing(program.command('submit'), terminal), terminal);
  getCommand(program.command('get'), terminal);
  waitCommand(program.command('wait'), terminal);
  listCommand(program.command('list'), terminal);
  watchCommand(program.command('watch'), terminal);
  cancelCommand(changing(program.command('cancel'), terminal), terminal);
  retryCommand(changing(program.command('retry'), terminal), terminal);
  agentsCommand(program.command('agents'), terminal);
  queuesCommand(program.command('queues'), terminal);
  typesCommand(program.command('types'), terminal);
  doctorCommand(program.command('doctor'), terminal);
  const runs = [
    ['start', 'run the server, agents, and a Redis unless REDIS_URL names one'],
    ['server', 'run a server'],
    ['agent', 'run an agent'],
  ] as const;
  for (const [name, about] of runs) programCommand(program.command(name), name, about, terminal);
  programCommand(
    program.command('chaos'),
    'chaos',
    'run a deployment under seeded faults, and check its history',
    terminal,
  );
  programCommand(
    program.command('bench'),
    'bench',
    'measure performance against every target, beside BullMQ',
    terminal,
  );
  completionCommand(program.command('completion'), program, terminal);
  namesCommand(program.command('names', { hidden: true }), terminal);
  return program;
}
