import { type Argument, type Command, type Option } from 'commander';
import { bashScript, fishScript, zshScript } from './completion-scripts.js';
import { type CompletionNode, type CompletionOption } from './completion-node.js';
import { kindOfValue } from './names.js';
import { type Terminal } from './terminal.js';

const shells = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
type Shell = keyof typeof shells;
const shellNames = Object.keys(shells) as Shell[];

/** `completion`: what a shell needs to complete a line, made of the tree of commands. */
export function completionCommand(command: Command, program: Command, terminal: Terminal): Command {
  const shell = command.createArgument('<shell>', 'the shell that the script is for').choices(shellNames);
  return command
    .description('print a shell completion script')
    .addArgument(shell)
    .addHelpText(
      'after',
      `
Examples:
  # bash, for this session; into ~/.bashrc for all
  source <(npx fencepost completion bash)
  # zsh
  source <(npx fencepost completion zsh)
  # fish
  npx fencepost completion fish | source

  Completion works on the word fencepost; with npx, define an alias: alias fencepost='npx fencepost'
`,
    )
    .action((name: Shell) => void terminal.stdout.write(shells[name](completionTree(program))));
}

/** Every command, the program first. */
export function completionTree(program: Command): CompletionNode[] {
  return nodesOf(program, '');
}

function nodesOf(command: Command, path: string): CompletionNode[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const node: CompletionNode = {
    path,
    about: command.description(),
    commands: commands.map((one) => ({ word: one.name(), about: one.description() })),
    options: help.visibleOptions(command).flatMap(optionOf),
    values: valuesOf(command.registeredArguments[0]),
    names: kindOfValue(command.registeredArguments[0]?.name() ?? ''),
  };
  const below = commands.filter((one) => one.name() !== 'help');
  return [node, ...below.flatMap((one) => nodesOf(one, path === '' ? one.name() : `${path} ${one.name()}`))];
}

const valuesOf = (argument: Argument | undefined): readonly string[] => argument?.argChoices ?? [];

function optionOf({ long, description, required, optional, argChoices, flags }: Option): CompletionOption[] {
  if (!long) return [];
  const isFile = flags.includes('<path>');
  const names = kindOfValue(/<(\w+)>/.exec(flags)?.[1] ?? '');
  return [
    {
      word: long,
      about: description,
      takesValue: required || optional,
      values: argChoices ?? [],
      isFile,
      names,
    },
  ];
}
