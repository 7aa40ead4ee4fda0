import { type Command } from 'commander';
import { Readable } from 'node:stream';
import { createProgram } from './program.js';
import { Terminal } from './terminal.js';

/** Returns `docs/reference/cli.md`: the `--help` of the program and of each of its commands. */
export function manualText(): string {
  let said = '';
  const output = { write: (text: string) => (said += text) };
  const streams = { stdin: Readable.from([]), stdout: output, stderr: output };
  const program = createProgram(new Terminal(streams, new AbortController().signal));
  const helpOf = (command: Command) => {
    said = '';
    command.outputHelp();
    return said.trim();
  };
  const sections = commandsBelow(program).map(
    ({ name, command }) => `## ${name}\n\n${fenced(helpOf(command))}`,
  );
  return `${head}\n${fenced(helpOf(program))}\n\n${sections.join('\n\n')}\n`;
}

const head = `# The command line

\`npx fencepost …\` inside the clone, or \`npm run cli -- …\`: both first build anything that is missing. Where the package is installed,
\`npx fencepost …\` is the same, and \`npx fencepost start\`, \`server\` and \`agent\` run Fencepost without a clone. This page is
generated from \`--help\` by \`npm run generate\`. \`start\`, \`server\`, \`agent\`, \`chaos\` and \`bench\` print their own options, as in
\`fencepost agent --help\`.

With \`--json\` standard output is one JSON document per line, in the shapes of the HTTP API; everything else goes to standard
error. Colours and bars are for terminals only, and \`NO_COLOR\` is heeded.
`;

const fenced = (text: string) => `\`\`\`text\n${text}\n\`\`\``;

function commandsBelow(command: Command, prefix = 'fencepost'): { name: string; command: Command }[] {
  return command.commands.flatMap((one) => {
    const name = `${prefix} ${one.name()}`;
    return [{ name, command: one }, ...commandsBelow(one, name)];
  });
}
