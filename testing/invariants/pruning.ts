import { isTerminal } from '../command-state.js';
import { type Evidence, type Say } from './invariant.js';

/** An ended command may be deleted only after its retention: until then it must be found, and known by its key. */
export function keptLongEnough({ trails, retentionMs }: Evidence, say: Say): void {
  for (const { commandId, deletions } of trails.all()) {
    for (const { fields, atMs } of deletions) {
      const endedAt = Number(fields.finishedAt ?? NaN);
      // The deletion of a command that had not ended is reported as that.
      if (Number.isNaN(endedAt) || atMs - endedAt >= retentionMs) continue;
      say(commandId, 'it was deleted before its retention was over', { atMs, endedAt, retentionMs, fields });
    }
  }
}

/** A command is deleted whole: nothing would ever clean up the parts that were left behind. */
export function nothingIsLeftBehind({ trails, rest }: Evidence, say: Say): void {
  for (const { commandId, deletions, exists } of trails.all()) {
    // The deletion of a command that had not ended is the greater fault, and reported as that.
    if (exists || !isTerminal(deletions.at(-1)?.fields.status)) continue;
    if (rest.index.has(commandId)) say(commandId, 'it was deleted, but the index still has it', null);
    if (rest.failedIndex.has(commandId))
      say(commandId, 'it was deleted, but the index of failed commands still has it', null);
    if (rest.histories.has(commandId)) say(commandId, 'it was deleted, but its history is still there', null);
  }
}
