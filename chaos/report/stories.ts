import { type RunRecord } from '../record.js';
import { type Finding } from './headings.js';
import { type Verdict } from './verdict.js';

/** All that was found against one command of one round, with the command's history from all logs. */
export interface Story {
  readonly round: number;
  /** The seed of the round, from which its schedule was made. */
  readonly seed: number | null;
  /** null: what is wrong concerns no single command. */
  readonly commandId: string | null;
  readonly findings: readonly Finding[];
  readonly history: readonly string[];
}

/** In the order of the rounds, and of the findings in each. */
export function storiesOf({ rounds }: RunRecord, { figures: { findings } }: Verdict): Story[] {
  const byCommand = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = `${finding.round} ${finding.commandId}`;
    byCommand.set(key, [...(byCommand.get(key) ?? []), finding]);
  }
  return [...byCommand.values()].flatMap((ofCommand) => {
    const [first] = ofCommand;
    if (first === undefined) return [];
    const { commandId } = first;
    const round = rounds.find(({ number }) => number === first.round);
    const history = commandId === null ? [] : (round?.histories[commandId] ?? []);
    return { round: first.round, seed: round?.seed ?? null, commandId, findings: ofCommand, history };
  });
}

/** The command that plays one round alone; null where the run has no other. */
export function commandOfRound({ command, rounds }: RunRecord, seed: number | null): string | null {
  const length = /--round=(\S+)/.exec(command)?.[1];
  if (rounds.length < 2 || seed === null || length === undefined) return null;
  return command.replace(/--seed=\S+/, `--seed=${seed}`).replace(/--duration=\S+/, `--duration=${length}`);
}
