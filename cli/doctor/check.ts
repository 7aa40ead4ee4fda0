import { type Snapshot } from './snapshot.js';

/** One problem, for the operator who has to fix it. */
export interface Finding {
  /** The problem, with the names and figures that were seen. */
  readonly problem: string;
  /** Why it matters: what is lost, or does not happen. */
  readonly impact: string;
  /** How to fix it. */
  readonly fix: string;
  /**
   * The lines to type for it, if any: all of them, in turn. A step that destroys something if its condition does not
   * hold is described in `fix` instead.
   */
  readonly commands: readonly string[];
}

/** The result of one look. Without findings the check passes. */
export interface CheckResult {
  readonly findings: readonly Finding[];
  /** A few words on what was seen, also when the check passes. */
  readonly detail: string;
}

/** One question that doctor asks of a deployment. It only reads. */
export interface Check {
  /** The name in the output: contract, since scripts look for it. */
  readonly name: string;
  readonly about: string;
  /** The parties whose answers it needs: when one does not answer, the check is skipped, and the report shows that. */
  readonly needs: readonly ('redis' | 'server')[];
  run(snapshot: Snapshot): Promise<CheckResult>;
}

export const pass = (detail: string): CheckResult => ({ findings: [], detail });
export const fail = (detail: string, ...findings: readonly Finding[]): CheckResult => ({ findings, detail });
