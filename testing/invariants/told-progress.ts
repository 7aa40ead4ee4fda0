import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { type ClientLog } from '../client-log.js';
import { isTerminal, jsonOf, statusOf } from '../command-state.js';
import { parseMarker } from '../keyspace.js';
import { type Transition } from '../transition.js';
import { progressWrittenIn } from '../written-progress.js';
import { type Evidence, type HitsByCommand, type Say, seenIn } from './invariant.js';

/** `<attempt>:<sequence>`: the field `progressOf`. */
interface Told {
  readonly attempt: number;
  readonly sequence: number;
}

const toldPattern = /^([1-9]\d*):([1-9]\d*)$/;

function parseTold(text: string | undefined): Told | undefined {
  const [, attempt, sequence] = toldPattern.exec(text ?? '') ?? [];
  return attempt === undefined ? undefined : { attempt: Number(attempt), sequence: Number(sequence) };
}

/** The fields by which a progress of the chaos run identifies itself; empty for a progress of another shape. */
const speakingSchema = z.object({
  attempt: z.int().optional().catch(undefined),
  /** Grows with each progress report of an attempt. */
  step: z.number().optional().catch(undefined),
  /** The ledger's answer; null before there is one. */
  body: z.json().optional(),
});

const speakingOf = (progress: unknown): z.infer<typeof speakingSchema> =>
  speakingSchema.safeParse(progress).data ?? {};
const speaking = (text: string | undefined) => speakingOf(jsonOf(text));

/**
 * Only the attempt that runs may report progress, and a late report replaces nothing that the attempt
 * reported after it. `progressOf` names the attempt; the marker, which was set when the attempt was started,
 * names its agent and session.
 */
export function progressIsOfTheHolder(transition: Transition, say: Say): void {
  const { commandId, before } = transition;
  // Invariant 3 covers writes to a settled command.
  if (isTerminal(statusOf(before))) return;
  const running = statusOf(before) === 'RUNNING' ? parseMarker(before.marker ?? '').attempt : undefined;
  let last = parseTold(before.fields?.progressOf);
  for (const { progress, progressOf } of progressWrittenIn(transition)) {
    const told = parseTold(progressOf);
    if (!told || progress === undefined) {
      say(commandId, 'its progress was written without its attempt', seenIn(transition));
    } else if (told.attempt !== running) {
      say(
        commandId,
        'its progress was reported by another attempt than the one that runs',
        seenIn(transition),
      );
    } else if (last?.attempt === told.attempt && last.sequence >= told.sequence) {
      say(commandId, 'its progress was replaced by one that was not reported later', seenIn(transition));
    }
    last = told ?? last;
  }
}

/** The progress stored for an attempt is one that it reported, by the attempt and step in the progress itself. */
export function progressIsWhatWasTold(transition: Transition, say: Say): void {
  const { commandId, before } = transition;
  let [text, by] = [before.fields?.progress, before.fields?.progressOf];
  for (const { progress = text, progressOf = by } of progressWrittenIn(transition)) {
    const [last, next] = [parseTold(by), parseTold(progressOf)];
    const [earlier, later] = [speaking(text), speaking(progress)];
    if (jsonOf(progress) === undefined) {
      say(commandId, 'its progress is no JSON', seenIn(transition));
    } else if (later.attempt !== undefined && later.attempt !== next?.attempt) {
      say(commandId, 'its progress is that of another attempt', seenIn(transition));
    } else if (last?.attempt === next?.attempt && (later.step ?? Infinity) <= (earlier.step ?? -Infinity)) {
      say(commandId, 'its progress went back', seenIn(transition));
    }
    [text, by] = [progress, progressOf];
  }
}

/** Clients are shown the progress of the last attempt, and none while another is to follow. */
export function progressShownIsOfTheAttempt({ sightings }: ClientLog, say: Say): void {
  for (const { commandId, view } of sightings) {
    if (view === null) continue;
    const { attempt = view.attempt } = speakingOf(view.progress);
    if (attempt !== view.attempt) say(commandId, 'a client was shown the progress of another attempt', view);
    if (view.status === 'PENDING' && (view.progress ?? null) !== null)
      say(commandId, 'a client was shown progress of a command that waits', view);
  }
}

/** An attempt whose progress holds an answer of the ledger did get that answer, as that very attempt. */
export function progressIsOfAnEffect(
  { lastSeen, aimsAtLedger }: Pick<Evidence, 'lastSeen' | 'aimsAtLedger'>,
  hits: HitsByCommand,
  say: Say,
): void {
  for (const [id, fields] of lastSeen) {
    const told = parseTold(fields.progressOf);
    const { body = null } = speaking(fields.progress);
    if (!told || body === null || !aimsAtLedger(fields)) continue;
    const answers = hits.of(id).filter(({ attempt }) => attempt === told.attempt);
    if (!answers.some(({ answer }) => isDeepStrictEqual(answer, body))) {
      say(id, `its progress is not what attempt ${told.attempt} was answered`, { fields, answers });
    }
  }
}
