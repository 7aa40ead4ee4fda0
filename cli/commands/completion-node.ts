import { type NamedKind } from './names.js';

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
