import { type CompletionNode, type CompletionOption, type CompletionWord } from './completion-node.js';
import { type NamedKind } from './names.js';

/** The commands that have others below them: only there a word belongs to the path. */
const parents = (nodes: readonly CompletionNode[]) =>
  nodes.flatMap(({ path, commands }) => commands.map(({ word }) => (path === '' ? word : `${path} ${word}`)));

const words = (some: readonly CompletionWord[]) => some.map(({ word }) => word).join(' ');
const single = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Walks the words before the cursor to the command that they name, then offers what can follow. */
const walk = (nodes: readonly CompletionNode[], first: string, last: string) => `  local trail='' i
  for ((i = ${first}; i < ${last}; i++)); do
    case "\${trail:+$trail }\${words[i]}" in
      ${parents(nodes).map(single).join('|')}) trail="\${trail:+$trail }\${words[i]}" ;;
    esac
  done`;

function valueCases(nodes: readonly CompletionNode[], offer: (option: CompletionOption) => string): string {
  return nodes
    .flatMap(({ path, options }) =>
      options
        .filter(({ takesValue }) => takesValue)
        .map((one) => `    ${single(`${path}:${one.word}`)}) ${offer(one)}; return ;;`),
    )
    .join('\n');
}

export function bashScript(nodes: readonly CompletionNode[]): string {
  const offer = ({ values, isFile, names }: CompletionOption) => {
    if (isFile) return 'COMPREPLY=($(compgen -f -- "$cur"))';
    if (names) return `COMPREPLY=($(compgen -W "$(_fencepost_names ${names})" -- "$cur"))`;
    return values.length === 0
      ? 'COMPREPLY=()'
      : `COMPREPLY=($(compgen -W ${single(values.join(' '))} -- "$cur"))`;
  };
  const follow = nodes.map(
    ({ path, commands, options, values, names }) =>
      `    ${single(path)}) COMPREPLY=($(compgen -W ${single([words(commands), values.join(' '), words(options)].filter(Boolean).join(' '))}${names ? `" $(_fencepost_names ${names})"` : ''} -- "$cur")) ;;`,
  );
  return `# Completion of fencepost for bash. Made by: fencepost completion bash
# As this line was begun: an alias is not known here.
_fencepost_names() { \${BASH_ALIASES[fencepost]:-fencepost} names "$1" 2>/dev/null; }
_fencepost() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}"
  local words=("\${COMP_WORDS[@]}")
${walk(nodes, '1', 'COMP_CWORD')}
  case "$trail:$prev" in
${valueCases(nodes, offer)}
  esac
  case "$trail" in
${follow.join('\n')}
  esac
}
complete -F _fencepost fencepost
`;
}

export function zshScript(nodes: readonly CompletionNode[]): string {
  const offer = ({ values, isFile, names }: CompletionOption) => {
    if (isFile) return '_files';
    if (names) return `compadd -- $(_fencepost_names ${names})`;
    return values.length === 0 ? '_message value' : `compadd -- ${values.map(single).join(' ')}`;
  };
  const described = (some: readonly CompletionWord[]) =>
    some.map(({ word, about }) => single(`${word}:${about.replaceAll(':', ' -')}`)).join(' ');
  const follow = nodes.map(({ path, commands, options, values, names }) => {
    const all = [
      described(commands),
      values.map(single).join(' '),
      names ? `$(_fencepost_names ${names})` : '',
      described(options),
    ]
      .filter(Boolean)
      .join(' ');
    return `    ${single(path)}) offered=(${all}) ;;`;
  });
  return `#compdef fencepost
# Completion of fencepost for zsh. Made by: fencepost completion zsh
_fencepost_names() { \${=aliases[fencepost]:-fencepost} names $1 2>/dev/null }
_fencepost() {
  local -a offered
${walk(nodes, '2', 'CURRENT')}
  case "$trail:\${words[CURRENT-1]}" in
${valueCases(nodes, offer)}
  esac
  case "$trail" in
${follow.join('\n')}
  esac
  _describe 'fencepost' offered
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _fencepost fencepost
`;
}

export function fishScript(nodes: readonly CompletionNode[]): string {
  const asked = (names: NamedKind) => `(fencepost names ${names} 2>/dev/null)`;
  const lines = nodes.flatMap(({ path, commands, options, values, names }) => {
    const when = `-n ${single(`__fencepost_at ${single(path)}`)}`;
    return [
      ...commands.map(({ word, about }) => `complete -c fencepost -f ${when} -a ${word} -d ${single(about)}`),
      ...(values.length > 0 ? [`complete -c fencepost -f ${when} -a ${single(values.join(' '))}`] : []),
      ...(names ? [`complete -c fencepost -f ${when} -a ${single(asked(names))}`] : []),
      ...options.map(({ word, about, takesValue, values: some, isFile, names: kind }) => {
        const offered = kind ? asked(kind) : some.join(' ');
        const value = takesValue
          ? isFile
            ? ' -r -F'
            : ` -x${offered === '' ? '' : ` -a ${single(offered)}`}`
          : '';
        return `complete -c fencepost ${when} -l ${word.slice(2)}${value} -d ${single(about)}`;
      }),
    ];
  });
  return `# Completion of fencepost for fish. Made by: fencepost completion fish
function __fencepost_at
  set -l trail
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim -- "$trail $word")
    contains -- $longer ${parents(nodes).map(single).join(' ')}; and set trail $longer
  end
  test "$trail" = "$argv[1]"
end
complete -c fencepost -f
${lines.join('\n')}
`;
}
