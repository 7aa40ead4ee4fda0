import { type AofTransaction, type AofWrite } from './aof-log.js';
import { type CommandState, type Fields, type Place } from './command-state.js';
import { type KeyName, keyName, parseMarker } from './keyspace.js';
import { StreamReplay, type ReplayedEntry } from './stream-replay.js';
import { type MarkerSet, type Transition } from './transition.js';

/** A command as far as the log has been replayed. */
interface Command {
  fields: Fields | null;
  marker: string | null;
  scheduled: boolean;
  /** By `placeOf`: two streams may give one id in the same millisecond. */
  readonly entries: Map<string, ReplayedEntry>;
}

/** The changes that the transaction under way has made to a command so far. */
interface Draft {
  readonly before: CommandState;
  readonly queuePaused: boolean;
  readonly statuses: string[];
  hashWrites: number;
  readonly markersSet: MarkerSet[];
  readonly claims: { entry: string; consumer: string }[];
  readonly history: string[];
  readonly writes: AofWrite[];
}

/**
 * Redis's keys, as far as they are about commands, rebuilt write by write from the append-only file.
 * It knows what Redis commands do and nothing of what Fencepost's scripts mean to do.
 */
export class Replay {
  readonly #commands = new Map<string, Command>();
  readonly #streams = new Map<string, StreamReplay>();
  readonly #sessions = new Map<string, string>();
  readonly #paused = new Set<string>();
  readonly #drafts = new Map<string, Draft>();
  #clockMs = 0;

  /** Replays one transaction: a transition for each command that it touched. */
  apply(transaction: AofTransaction): Transition[] {
    let newestMs = transaction.notedMs ?? 0;
    for (const write of transaction.writes) {
      if (write.db !== 0) continue;
      newestMs = Math.max(newestMs, timeMentionedIn(write));
      this.#replay(write);
    }
    if (newestMs > 0) this.#clockMs = newestMs;
    const { file, offset, restated } = transaction;
    const transitions = [...this.#drafts].map(([id, draft]) =>
      this.#finish(id, draft, { where: `${file}:${offset}`, restated }),
    );
    for (const id of this.#drafts.keys()) this.#forgetIfEmpty(id);
    this.#drafts.clear();
    return transitions;
  }

  #replay(write: AofWrite): void {
    const { name, args } = write;
    if (name === 'FLUSHALL' || name === 'FLUSHDB') {
      for (const stream of this.#streams.keys()) this.#delete(stream, write);
      for (const id of this.#commands.keys()) this.#wipe(id, write);
      this.#paused.clear();
      return;
    }
    if (name === 'DEL' || name === 'UNLINK') {
      for (const key of args) this.#delete(key, write);
      return;
    }
    // Redis carries MSETNX out only when none of the keys is there: like SETNX of each.
    if (name === 'MSETNX' || name === 'MSET') {
      const each = name === 'MSETNX' ? 'SETNX' : 'SET';
      for (let at = 0; at + 1 < args.length; at += 2) {
        this.#replay({ ...write, name: each, args: args.slice(at, at + 2) });
      }
      return;
    }
    // XGROUP names its key second.
    const key = (name === 'XGROUP' ? args[1] : args[0]) ?? '';
    const known = keyName(key);
    if (known) this.#byKind[known.kind]?.(known.of, write, key);
  }

  readonly #byKind: Partial<Record<KeyName['kind'], (of: string, write: AofWrite, key: string) => void>> = {
    command: (id, write) => this.#writeHash(id, write),
    exec: (id, write) => this.#writeMarker(id, write),
    commands: (queue, write, key) => this.#writeStream(key, queue, write),
    scheduled: (_, write) => this.#writeSchedule(write),
    history: (id, write) => {
      if (write.name !== 'LPUSH' && write.name !== 'RPUSH') return;
      this.#touch(id, write).draft.history.push(...write.args.slice(1));
    },
    paused: (_, { name, args }) => {
      if (name === 'HSET' || name === 'HMSET')
        for (let at = 1; at < args.length; at += 2) this.#paused.add(args[at] ?? '');
      if (name === 'HDEL') for (const queue of args.slice(1)) this.#paused.delete(queue);
    },
    session: (agentId, write) => {
      if (write.name === 'SET') this.#sessions.set(agentId, write.args[1] ?? '');
    },
  };

  #writeHash(id: string, write: AofWrite): void {
    const { name, args } = write;
    const { command, draft } = this.#touch(id, write);
    draft.hashWrites++;
    const fields: Record<string, string> = { ...command.fields };
    switch (name) {
      case 'HSET':
      case 'HMSET':
      case 'HSETNX':
        for (let at = 1; at + 1 < args.length; at += 2) {
          const [field = '', value = ''] = [args[at], args[at + 1]];
          fields[field] = value;
          if (field === 'status') draft.statuses.push(value);
        }
        break;
      case 'HINCRBY': {
        const field = args[1] ?? '';
        fields[field] = String(Number(fields[field] ?? 0) + Number(args[2]));
        break;
      }
      case 'HDEL':
        for (const field of args.slice(1)) delete fields[field];
        break;
      default:
    }
    command.fields = Object.keys(fields).length > 0 ? fields : null;
  }

  #writeMarker(id: string, write: AofWrite): void {
    const { command, draft } = this.#touch(id, write);
    if (write.name === 'SET' || write.name === 'SETNX') {
      const [, value = '', ...options] = write.args;
      const onlyIfAbsent =
        write.name === 'SETNX' || (options.length === 1 && options[0]?.toUpperCase() === 'NX');
      const newestSession = this.#sessions.get(parseMarker(value).agentId) ?? null;
      command.marker = value;
      draft.markersSet.push({ value, onlyIfAbsent, newestSession });
    } else {
      // A time to live, most likely: then it may vanish, which counts as a marker that does not hold.
      draft.markersSet.push({ value: command.marker ?? '', onlyIfAbsent: false, newestSession: null });
    }
  }

  #writeSchedule(write: AofWrite): void {
    const members = write.name === 'ZADD' ? zaddMembers(write.args) : write.args.slice(1);
    if (write.name !== 'ZADD' && write.name !== 'ZREM') return;
    for (const id of members) this.#touch(id, write).command.scheduled = write.name === 'ZADD';
  }

  #writeStream(key: string, queue: string, write: AofWrite): void {
    for (const entry of this.#stream(key).apply(write)) {
      // The command still holds the entry as it was, so this notes the right state as the one before.
      const { command, draft } = this.#touch(entry.commandId, write);
      if (entry.place === 'gone') command.entries.delete(placeOf(queue, entry.id));
      else command.entries.set(placeOf(queue, entry.id), entry);
      if (write.name === 'XCLAIM') draft.claims.push({ entry: entry.id, consumer: entry.consumer ?? '' });
    }
  }

  #delete(key: string, write: AofWrite): void {
    const known = keyName(key);
    if (known?.kind === 'command') this.#touch(known.of, write).command.fields = null;
    if (known?.kind === 'exec') this.#touch(known.of, write).command.marker = null;
    if (known?.kind === 'session') this.#sessions.delete(known.of);
    if (known?.kind === 'paused') this.#paused.clear();
    if (known?.kind === 'commands') this.#writeStream(key, known.of, { ...write, name: 'DEL' });
    if (known?.kind === 'scheduled') {
      for (const [id, command] of this.#commands) {
        if (command.scheduled) this.#touch(id, write).command.scheduled = false;
      }
    }
  }

  #wipe(id: string, write: AofWrite): void {
    const { command } = this.#touch(id, write);
    command.fields = null;
    command.marker = null;
    command.scheduled = false;
  }

  #stream(key: string): StreamReplay {
    let stream = this.#streams.get(key);
    if (!stream) this.#streams.set(key, (stream = new StreamReplay()));
    return stream;
  }

  /** To be called before the first change that a transaction makes to a command. */
  #touch(id: string, write: AofWrite): { command: Command; draft: Draft } {
    let command = this.#commands.get(id);
    if (!command) {
      command = { fields: null, marker: null, scheduled: false, entries: new Map() };
      this.#commands.set(id, command);
    }
    let draft = this.#drafts.get(id);
    if (!draft) {
      draft = {
        before: stateOf(command),
        // A lane is paused with its queue.
        queuePaused: this.#paused.has((command.fields?.queue ?? '').split('/')[0] ?? ''),
        statuses: [],
        hashWrites: 0,
        markersSet: [],
        claims: [],
        history: [],
        writes: [],
      };
      this.#drafts.set(id, draft);
    }
    if (draft.writes.at(-1) !== write) draft.writes.push(write);
    return { command, draft };
  }

  #finish(commandId: string, draft: Draft, origin: { where: string; restated: boolean }): Transition {
    const command = this.#commands.get(commandId);
    const after = command ? stateOf(command) : nothing;
    const { entry, fields } = draft.before;
    const former = entry && placeOf(fields?.queue, entry.id);
    const formerEntry: Place = (former !== null && command?.entries.get(former)?.place) || 'gone';
    return { commandId, ...origin, atMs: this.#clockMs, ...draft, after, formerEntry };
  }

  #forgetIfEmpty(id: string): void {
    const command = this.#commands.get(id);
    if (
      command?.fields === null &&
      command.marker === null &&
      !command.scheduled &&
      command.entries.size === 0
    ) {
      this.#commands.delete(id);
    }
  }
}

/** @param queue or lane */
const placeOf = (queue: string | undefined, entry: string) => `${queue ?? ''} ${entry}`;

const nothing: CommandState = { fields: null, marker: null, scheduled: false, entry: null };

function stateOf({ fields, marker, scheduled, entries }: Command): CommandState {
  const id = fields?.entry ?? '';
  const current = entries.get(placeOf(fields?.queue, id));
  const entry =
    id === '' ? null : { id, place: current?.place ?? 'gone', consumer: current?.consumer ?? null };
  return { fields, marker, scheduled, entry };
}

/** Members of `ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member …`. */
function zaddMembers(args: readonly string[]): string[] {
  const firstScore = args.findIndex((arg, index) => index > 0 && !/^(NX|XX|GT|LT|CH|INCR)$/i.test(arg));
  return args.filter((_, index) => index > firstScore && (index - firstScore) % 2 === 1);
}

const timeFields: ReadonlySet<string> = new Set(['createdAt', 'startedAt', 'finishedAt', 'prunedAt']);

/** The newest time by Redis's clock that a write mentions, in ms; 0 if none. */
function timeMentionedIn({ name, args }: AofWrite): number {
  switch (name) {
    case 'XADD':
      return Number(
        /^(\d+)-\d+$/.exec(args.find((arg, index) => index > 0 && /^\d+-\d+$/.test(arg)) ?? '')?.[1] ?? 0,
      );
    case 'XCLAIM':
      return Number(args[args.indexOf('TIME') + 1]) || 0;
    case 'HSET':
    case 'HMSET': {
      let newest = 0;
      for (let at = 1; at + 1 < args.length; at += 2) {
        if (timeFields.has(args[at] ?? '')) newest = Math.max(newest, Number(args[at + 1]) || 0);
      }
      return newest;
    }
    default:
      return 0;
  }
}
