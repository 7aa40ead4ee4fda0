import { Command, CommanderError } from 'commander';
import { version } from '../../shared/runtime/version.js';
import { doctorCommand } from './doctor.js';
import { type Terminal } from './terminal.js';

/** The tree of subcommands: what is parsed, helped with and completed. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('fencepost')
    .description(
      'The command line of Fencepost: submit commands, watch them, and look after what executes them.',
    )
    .version(version)
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError()
    .showHelpAfterError('(--help says what there is)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
    });
  doctorCommand(program.command('doctor'), terminal);
  return program;
}

/** Whether commander has said it all: a help text, or what is wrong with the line. */
export const isTold = (error: unknown): error is CommanderError => error instanceof CommanderError;
