import { type Command, Option } from 'commander';
import { parseServerUrl } from './settings.js';

/** What every subcommand takes. */
export interface GlobalFlags {
  readonly json?: boolean;
  readonly server?: string;
}

export function withGlobalFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--server <url>', 'the server; else SERVER_URL, else that of npm start').argParser(
        parseServerUrl,
      ),
    )
    .option('--json', 'print JSON: one document per line');
}

/** The end of a help text. @param pairs a line without `fencepost`, and what it does */
export function examples(...pairs: readonly (readonly [line: string, about: string])[]): string {
  const lines = pairs.map(([line, about]) => `  $ fencepost ${line}\n      ${about}`);
  return `\nExamples:\n${lines.join('\n')}\n`;
}
