import { type Command, Option } from 'commander';
import { serverUrlsSchema } from '../../shared/client/access-settings.js';
import { type ClientOptions } from '../../shared/client/client.js';
import { by, durationSchema } from './values.js';

/** The flags of every subcommand that looks at a deployment. */
export interface GlobalFlags {
  readonly json?: boolean;
  readonly server?: readonly string[];
}

/** The flags of every subcommand that asks the server. */
export interface ServerFlags extends GlobalFlags {
  readonly retryFor: number;
}

export function withGlobalFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--server <url>',
        'a server, or several (a,b); else SERVER_URL, else that of npm start',
      ).argParser(by(serverUrlsSchema)),
    )
    .option('--json', 'print JSON: one document per line');
}

/** @param retryFor the default of --retry-for: a user who waits for long has more patience */
export function withServerFlags(command: Command, retryFor = '5s'): Command {
  const patience = new Option('--retry-for <time>', 'how long to retry while the server does not answer')
    .default(durationSchema.parse(retryFor), retryFor)
    .argParser(by(durationSchema));
  return withGlobalFlags(command).addOption(patience);
}

/** Flags before the name of a nested subcommand are meant for that one; those behind its name win. */
export function handDownFlags(command: Command): Command {
  return command.enablePositionalOptions().hook('preSubcommand', (parent, nested) => {
    for (const [name, value] of Object.entries(parent.opts<Record<string, unknown>>())) {
      if (parent.getOptionValueSource(name) === 'cli') nested.setOptionValueWithSource(name, value, 'cli');
    }
  });
}

export const patienceOf = ({ retryFor }: ServerFlags): ClientOptions => ({ retryForMs: retryFor });

/** The end of a help text. @param pairs a line without `fencepost`, and what it does */
export function examples(...pairs: readonly (readonly [line: string, about: string])[]): string {
  const lines = pairs.map(([line, about]) => `  # ${about}\n  fencepost ${line}`);
  return `\nExamples:\n${lines.join('\n')}\n`;
}
