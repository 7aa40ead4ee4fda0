import { type Argument, type Command, type Option } from 'commander';
import { bashScript, fishScript, zshScript } from './completion-scripts.js';
import { kindOfValue, type NamedKind } from './names.js';
import { type Terminal } from './terminal.js';

/** The words that can follow those of one command. */
export interface CompletionNode {
  /** `queues pause`; '' for the program itself. */
  readonly path: string;
  readonly about: string;
  readonly commands: readonly CompletionWord[];
  readonly options: readonly CompletionOption[];
  /** The values of its first argument, where they are known. */
  readonly values: readonly string[];
  /** The kind of name that its first argument is, where a server knows such names. */
  readonly names: NamedKind | undefined;
}

export interface CompletionWord {
  readonly word: string;
  readonly about: string;
}

export interface CompletionOption extends CompletionWord {
  readonly takesValue: boolean;
  /** The values of the option, where they are known. */
  readonly values: readonly string[];
  /** Whether the value is a file. */
  readonly isFile: boolean;
  /** The kind of name that the value is, where a server knows such names. */
  readonly names: NamedKind | undefined;
}

const shells = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
type Shell = keyof typeof shells;
const shellNames = Object.keys(shells) as Shell[];

/** `completion`: what a shell needs to complete a line, made of the tree of commands. */
export function completionCommand(command: Command, program: Command, terminal: Terminal): Command {
  const shell = command.createArgument('<shell>', 'whose script to print').choices(shellNames);
  return command
    .description('print a script that lets a shell complete fencepost lines')
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

  A shell completes the word fencepost, so give npx one: alias fencepost='npx fencepost'
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
