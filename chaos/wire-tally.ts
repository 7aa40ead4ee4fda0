import { type ScriptName, scriptText, shaOf } from '../shared/lifecycle/scripts.js';
import { type Reply, ReplyError } from '../testing/resp.js';
import { type Exchange } from '../testing/tcp-proxy.js';
import { type Tally } from './record.js';

const scriptOfSha = new Map([...scriptText().keys()].map((name) => [shaOf(name), name]));

/** The script that a request calls, if it calls one by its SHA. */
export function scriptCalledBy([command = '', sha = '']: readonly string[]): ScriptName | undefined {
  return command.toUpperCase() === 'EVALSHA' ? scriptOfSha.get(sha) : undefined;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The place of `report`'s first group: it follows command, SHA, 1, key and the number of groups. */
const reportStart = 5;
/**
 * The places of the first item of `renew` and of `release`: it follows command, SHA, 1, key, agentId, session
 * and n.
 */
const [renewStart, releaseStart] = [7, 7] as const;

/**
 * Counts what the guards of the scripts answered, as it came over the wires of all processes: evidence that
 * does not depend on the product's own reports. A script that travels as text, as it does once after each start
 * of Redis, is not counted.
 */
export class WireTally {
  readonly #tally: Mutable<Tally> = {
    zombiesRefused: 0,
    resentAbsorbed: 0,
    lateRefused: 0,
    submissionsDeduplicated: 0,
    doubledEntriesAbsorbed: 0,
  };
  /** `<id>:<attempt>` of every report that was accepted: its own renewal that crosses it is no zombie's. */
  readonly #accepted = new Set<string>();

  get tally(): Tally {
    return { ...this.#tally };
  }

  doubledEntryAbsorbed(): void {
    this.#tally.doubledEntriesAbsorbed++;
  }

  lateRequestRefused(): void {
    this.#tally.lateRefused++;
  }

  see({ request, reply, senderGone }: Exchange): void {
    const script = scriptCalledBy(request);
    // An error comes from Redis itself, and not from a guard.
    if (script === undefined || reply instanceof ReplyError) return;
    if (senderGone && wasRefused(script, reply)) this.#tally.lateRefused++;
    switch (script) {
      case 'report':
        return this.#seeReport(request, wordsIn(reply));
      case 'renew':
        return this.#seeRenew(request, wordsIn(reply));
      case 'release':
        return this.#seeRelease(request, wordsIn(reply));
      case 'start':
        return this.#seeStart(reply);
      case 'report_and_start': {
        const [reported, started] = partsOf(reply);
        this.#seeReport(request, wordsIn(reported));
        return this.#seeStart(started);
      }
      case 'submit':
        this.#tally.submissionsDeduplicated += countOf('same', wordsIn(reply));
        return;
      case 'admit':
      case 'abandon':
      case 'register':
        this.#tally.zombiesRefused += isOldSession(reply) ? 1 : 0;
        return;
      // The last progress of an attempt may cross its report, and is then refused as a zombie's is.
      case 'progress':
      case 'recover':
      case 'rescue':
      case 'promote':
      case 'expire':
      case 'prune':
      case 'cancel':
      case 'retry':
      case 'leave':
      case 'drain':
      case 'announce':
      case 'pause':
      case 'resume':
      case 'retire':
      case 'open':
      case 'dismiss':
      case 'survey':
        return;
    }
  }

  #seeStart(reply: Reply): void {
    this.#tally.zombiesRefused += isOldSession(reply) ? 1 : 0;
    this.#tally.resentAbsorbed += countOf('yours', startedBy(reply));
  }

  #seeReport(request: readonly string[], words: readonly string[]): void {
    reportsIn(request).forEach((attempt, i) => {
      if (words[i] === 'accepted') this.#accepted.add(attempt);
    });
    this.#tally.resentAbsorbed += countOf('again', words);
    this.#tally.zombiesRefused += countOf('late', words);
  }

  /** An agent that stops tries to release whatever it was delivered, and is refused what it runs: no zombie. */
  #seeRelease(request: readonly string[], words: readonly string[]): void {
    words.forEach((word, i) => {
      const attempt = request[releaseStart + 4 * i + 3];
      if (word === 'refused' && attempt !== '0') this.#tally.zombiesRefused++;
    });
  }

  #seeRenew(request: readonly string[], words: readonly string[]): void {
    words.forEach((word, i) => {
      const at = renewStart + 2 * i;
      const isOwn = this.#accepted.has(`${request[at]}:${request[at + 1]}`);
      if (word === 'lost' && !isOwn) this.#tally.zombiesRefused++;
    });
  }
}

/**
 * Whether a guard refused a call, or knew that it had been carried out before. To be given nothing, where
 * there was nothing to give, is neither.
 */
export function wasRefused(script: ScriptName, reply: Reply): boolean {
  const words = wordsIn(reply);
  const has = (word: string) => words.includes(word);
  switch (script) {
    case 'report_and_start':
      return wasRefused('report', partsOf(reply)[0]);
    case 'start':
      return isOldSession(reply) || (startedBy(reply).length > 0 && !startedBy(reply).includes('run'));
    case 'report':
      return !has('accepted') && (has('late') || has('again') || has('gone'));
    case 'submit':
      return !has('accepted') && (has('same') || has('expired'));
    case 'renew':
      return !has('ok') && !has('cancelled') && has('lost');
    case 'progress':
      return !has('ok') && (has('again') || has('lost'));
    case 'release':
      return !has('released') && has('refused');
    case 'cancel':
      return !has('cancelled') && !has('requested') && has('refused');
    case 'retry':
      return !has('retried') && has('refused');
    case 'recover':
    case 'abandon':
    case 'rescue':
    case 'promote':
    case 'expire':
    case 'prune':
    case 'register':
    case 'admit':
    case 'leave':
    case 'drain':
    case 'announce':
    case 'pause':
    case 'resume':
    case 'retire':
    case 'open':
    case 'dismiss':
    case 'survey':
      // The harness does not ask about these: calls that come with every tick prove nothing.
      return false;
  }
}

const isOldSession = (reply: Reply) => Array.isArray(reply) && reply[0] === 'old-session';
const countOf = (word: string, words: readonly string[]) => words.filter((one) => one === word).length;

/** The words of a reply `{ now, words… }`, however deep. */
function wordsIn(reply: Reply): string[] {
  if (typeof reply === 'string') return [reply];
  return Array.isArray(reply) ? reply.flatMap(wordsIn) : [];
}

/** `<id>:<attempt>` of each report of a call, in order. */
function reportsIn(request: readonly string[]): string[] {
  const attempts: string[] = [];
  let at = reportStart;
  for (let groups = Number(request[at - 1]); groups > 0; groups--) {
    const [, , kind, count] = request.slice(at, at + 4);
    at += 4;
    for (let left = Number(count); left > 0; left--) {
      attempts.push(`${request[at]}:${request[at + 1] || 1}`);
      at += kind === 'done' ? 4 : 10;
    }
  }
  return attempts;
}

/** The replies of `report` and of `start` in that of both. */
function partsOf(reply: Reply): readonly [reported: Reply, started: Reply] {
  const [reported = null, started = null] = Array.isArray(reply) ? (reply as readonly Reply[]) : [];
  return [reported, started];
}

/** The word of each item of a start's reply: the first value of three, a line that begins with it. */
function startedBy(reply: Reply): string[] {
  if (!Array.isArray(reply) || !Array.isArray(reply[2])) return [];
  const items: readonly Reply[] = reply[2];
  return items.flatMap((line, i) =>
    i % 3 === 0 && typeof line === 'string' ? [line.split(' ', 1)[0] ?? ''] : [],
  );
}
