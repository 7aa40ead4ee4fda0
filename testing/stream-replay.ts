import { type AofWrite } from './aof-log.js';
import { type Place } from './command-state.js';

/** One entry of a queue's stream, as far as the log has been replayed. */
export interface ReplayedEntry {
  readonly id: string;
  readonly commandId: string;
  readonly place: Place;
  /** Under whom it is pending. */
  readonly consumer: string | null;
}

/**
 * One queue's stream with its consumer group, rebuilt from the append-only file. What stands there
 * was checked on Redis 7.0:
 *
 * - XREADGROUP is one `XCLAIM key group consumer 0 id TIME … FORCE JUSTID LASTID …` per entry that it
 *   delivered; with NOACK it is one `XGROUP SETID`.
 * - XAUTOCLAIM and XCLAIM are the same XCLAIM with the new owner. For an entry that was deleted it
 *   means that its row was dropped.
 * - XADD has the id that Redis chose. XACK, XDEL and SET NX that changed nothing do not appear.
 */
export class StreamReplay {
  readonly #entries = new Map<string, ReplayedEntry>();

  /** Replays a write to this stream: the entries whose place it changed, as they are now. */
  apply({ name, args }: AofWrite): ReplayedEntry[] {
    switch (name) {
      case 'XADD':
        return this.#add(args);
      case 'XACK':
        return this.#change(args.slice(2), (entry) => (entry.place === 'dangling' ? 'gone' : 'acked'));
      case 'XDEL':
        return this.#change(args.slice(1), (entry) => (entry.place === 'pending' ? 'dangling' : 'gone'));
      case 'XCLAIM':
        return this.#change(
          args.slice(4, 5),
          (entry) => (entry.place === 'dangling' ? 'gone' : 'pending'),
          args[2] ?? null,
        );
      case 'XGROUP':
        return this.#group(args);
      case 'XTRIM':
        // The trimmed entries are not worth a model: the stream is never trimmed, so all of them are suspect.
        return this.#change([...this.#entries.keys()], (entry) =>
          entry.place === 'pending' ? 'dangling' : 'gone',
        );
      case 'DEL':
        return this.#change([...this.#entries.keys()], () => 'gone');
      default:
        return [];
    }
  }

  /** `XADD key [NOMKSTREAM] id field value …`; entries without a command's id are of no command. */
  #add(args: readonly string[]): ReplayedEntry[] {
    const at = args.findIndex((arg, index) => index > 0 && /^\d+-\d+$/.test(arg));
    const id = args[at] ?? '';
    const pairs = args.slice(at + 1);
    const commandId = pairs[pairs.findIndex((field, index) => index % 2 === 0 && field === 'id') + 1];
    if (at === -1 || commandId === undefined || !pairs.includes('id')) return [];
    const entry: ReplayedEntry = { id, commandId, place: 'queued', consumer: null };
    this.#entries.set(id, entry);
    return [entry];
  }

  #group(args: readonly string[]): ReplayedEntry[] {
    const [verb = '', , , last = ''] = args;
    const ids = [...this.#entries.keys()];
    switch (verb.toUpperCase()) {
      case 'CREATE':
        // A group starts after `last`: entries before that are never delivered.
        return this.#change(ids, (entry) => (isAtMost(entry.id, last) ? 'acked' : 'queued'));
      case 'SETID':
        return this.#change(
          ids.filter((id) => this.#entries.get(id)?.place === 'queued' && isAtMost(id, last)),
          () => 'acked',
        );
      case 'DESTROY':
        return this.#change(ids, () => 'acked');
      case 'DELCONSUMER':
        // Entries that were pending under it are forgotten, and never delivered again.
        return this.#change(
          ids.filter((id) => this.#entries.get(id)?.consumer === last),
          (entry) => (entry.place === 'dangling' ? 'gone' : 'acked'),
        );
      default:
        return [];
    }
  }

  #change(
    ids: readonly string[],
    next: (entry: ReplayedEntry) => Place,
    claimant: string | null = null,
  ): ReplayedEntry[] {
    return ids.flatMap((id) => {
      const entry = this.#entries.get(id);
      if (!entry) return [];
      const place = next(entry);
      const pending = place === 'pending' || place === 'dangling';
      const changed = { ...entry, place, consumer: pending ? (claimant ?? entry.consumer) : null };
      if (place === 'gone') this.#entries.delete(id);
      else this.#entries.set(id, changed);
      return [changed];
    });
  }
}

/** Whether stream id `a` is not after `b`; `b` may be `$` (the newest) or a bare millisecond. */
function isAtMost(a: string, b: string): boolean {
  if (b === '$') return true;
  const [aMs = 0, aSeq = 0] = a.split('-').map(Number);
  const [bMs = 0, bSeq = 0] = b.split('-').map(Number);
  return aMs < bMs || (aMs === bMs && aSeq <= bSeq);
}
