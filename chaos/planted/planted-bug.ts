import { type InvariantNumber } from '../../shared/testing/invariants.js';

export interface TrialNeeds {
  readonly agents?: number;
  readonly mix?: string;
  readonly leaseMs?: number;
  readonly retentionMs?: number;
  /** Why it does not show otherwise. */
  readonly because: string;
}

/**
 * A mistake that somebody might make in a change of a few characters: a text of one built file, and
 * what stands there instead. Without a fault everything still seems to work.
 */
export interface PlantedBug {
  readonly name: string;
  /** Below `dist/`: a script as Redis is sent it, or a module as Node runs it. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly text: string;
  readonly replacement: string;
  /** What it may break: a run that finds something else has found something else. */
  readonly breaks: readonly InvariantNumber[];
  /** The thought behind such a mistake. */
  readonly imitates: string;
  /** What the run needs to be like for it to show; as usual when left out. */
  readonly needs?: TrialNeeds;
}

/** The text is not in the file exactly once: it has changed, and the bug must be told where it belongs now. */
export class TextNotFound extends Error {
  override readonly name = 'TextNotFound';
}

/** @returns the file with the bug in it @throws TextNotFound */
export function plant(bug: PlantedBug, content: string): string {
  const parts = content.split(bug.text);
  if (parts.length !== 2) {
    const times = parts.length - 1;
    throw new TextNotFound(`${bug.name}: its text is ${times} times in ${bug.file}, and must be there once`);
  }
  return parts.join(bug.replacement);
}
