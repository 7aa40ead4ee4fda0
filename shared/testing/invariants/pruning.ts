import { isTerminal } from '../command-state.js';
import { type Evidence, type Say } from './invariant.js';

/** What ended may be deleted, but not before its retention is over: until then it must be found, and known by its key. */
export function keptLongEnough({ trails, retentionMs }: Evidence, say: Say): void {
  for (const { commandId, deletions } of trails.all()) {
    for (const { fields, atMs } of deletions) {
      const endedAt = Number(fields.finishedAt ?? NaN);
      // What had not ended is told as that.
      if (Number.isNaN(endedAt) || atMs - endedAt >= retentionMs) continue;
      say(commandId, 'it was deleted before its retention was over', { atMs, endedAt, retentionMs, fields });
    }
  }
}

/** What is deleted is deleted whole: whatever was left behind nobody would ever look at again. */
export function nothingIsLeftBehind({ trails, rest }: Evidence, say: Say): void {
  for (const { commandId, deletions, exists } of trails.all()) {
    // Of what had not ended there is more to say than that.
    if (exists || !isTerminal(deletions.at(-1)?.fields.status)) continue;
    if (rest.index.has(commandId)) say(commandId, 'it was deleted, but the index still has it', null);
    if (rest.failedIndex.has(commandId))
      say(commandId, 'it was deleted, but the index of failed commands still has it', null);
    if (rest.histories.has(commandId)) say(commandId, 'it was deleted, but its history is still there', null);
  }
}
