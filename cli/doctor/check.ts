import { type Patient } from './patient.js';

/** One thing that is wrong, for someone who has to put it right. */
export interface Finding {
  /** What is wrong, with the names and figures that were seen. */
  readonly what: string;
  /** Why it matters: what is lost, or does not happen. */
  readonly why: string;
  /** What to do. */
  readonly mend: string;
  /** The lines to type for it, if any: all of them, in turn. What destroys something if it is not so is told in `mend`. */
  readonly commands: readonly string[];
}

/** What one look found. Without findings it is well. */
export interface Look {
  readonly findings: readonly Finding[];
  /** What was seen, in a few words: also when it is well. */
  readonly fact: string;
}

/** One question that doctor asks of a deployment. It only reads. */
export interface Check {
  /** Its name in the output: contract, since scripts look for it. */
  readonly name: string;
  readonly about: string;
  /** Whose answers it rests on: where they do not answer it is not made, and says so. */
  readonly needs: readonly ('redis' | 'server')[];
  look(patient: Patient): Promise<Look>;
}

export const well = (fact: string): Look => ({ findings: [], fact });
export const ill = (fact: string, ...findings: readonly Finding[]): Look => ({ findings, fact });
