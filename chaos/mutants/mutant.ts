import { type InvariantNumber } from '../../testing/invariants.js';

export interface MutantNeeds {
  readonly agents?: number;
  readonly mix?: string;
  readonly leaseMs?: number;
  readonly retentionMs?: number;
  /** Why it does not show otherwise. */
  readonly because: string;
}

/**
 * A mistake that an engineer might make in a change of a few characters: a text of one built file, and its
 * replacement. Without a fault everything still seems to work.
 */
export interface Mutant {
  readonly name: string;
  /** Below `dist/`: a script as Redis is sent it, or a module as Node runs it. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly text: string;
  readonly replacement: string;
  /** The invariants that it may break: a violation of any other one is not this mutant. */
  readonly breaks: readonly InvariantNumber[];
  /** The thought behind such a mistake. */
  readonly imitates: string;
  /** The properties that the run needs for the mutant to show; as usual when left out. */
  readonly needs?: MutantNeeds;
}

/** The text is not in the file exactly once: the file has changed, and the mutant must be adapted to it. */
export class TextNotFound extends Error {
  override readonly name = 'TextNotFound';
}

/** @returns the file with the mutant in it @throws TextNotFound */
export function applyMutant(mutant: Mutant, content: string): string {
  const parts = content.split(mutant.text);
  if (parts.length !== 2) {
    const times = parts.length - 1;
    throw new TextNotFound(
      `${mutant.name}: its text is ${times} times in ${mutant.file}, and must be there once`,
    );
  }
  return parts.join(mutant.replacement);
}
