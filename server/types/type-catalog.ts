import { type TypeView } from '../../shared/protocol/api.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { type Announcements } from './announcements.js';
import { CpuAllowance } from './cpu-allowance.js';
import {
  allOf,
  announcedVersion,
  builtInVersions,
  type CatalogType,
  conflictOf,
  shown,
  type TypeVersion,
} from './compiled-type.js';

interface Entry {
  readonly type: () => CatalogType;
  /** Whether `type` costs nothing. */
  readonly isVetted: () => boolean;
  readonly conflict: TypeView['conflict'];
  /** `fault` is null as well while the schema is not vetted. */
  readonly view: () => TypeView;
}

/** The result of `find` for a type that this request may not spend time on. */
const later = { usable: 'later' } as const;
export type FoundType = CatalogType | typeof later;

/** How old what is known of announced types may be when one is named. */
const freshMs = 1000;

/** A type is known for so long after the last agent with it announced it. */
const keptMs = 7 * 24 * 3600 * 1000;

/**
 * The command types that may be submitted: the built-in ones, and what agents have announced within
 * seven days. The built-in ones come first, so that no agent can loosen them.
 *
 * Agents may announce different versions of one type, as they do while they are being replaced. What
 * counts is what live agents announce: of several versions, a payload must fit all. Without a live
 * agent it is what was announced last.
 */
export class TypeCatalog {
  readonly #readAnnouncements: () => Promise<Announcements>;
  readonly #logger: Logger | undefined;
  readonly #builtIn: ReadonlyMap<string, TypeVersion> = builtInVersions;
  /** The announced versions, by field. */
  #versions: ReadonlyMap<string, TypeVersion> = new Map();
  #entries: ReadonlyMap<string, Entry>;
  /** The conflicts that were logged: which versions, by type. */
  #logged: ReadonlyMap<string, string> = new Map();
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;

  /** @param logger logs the types of which agents announce conflicting schemas, once each */
  constructor(readAnnouncements: () => Promise<Announcements>, logger?: Logger) {
    this.#readAnnouncements = readAnnouncements;
    this.#logger = logger;
    this.#entries = new Map([...this.#builtIn].map(([name, version]) => [name, entryOf(version, null)]));
  }

  /**
   * The types that have these names; what is not built in is read again when it was read more than a
   * second ago.
   *
   * @param allowance for vetting schemas that were not vetted before; when left out, there is no bound
   */
  async find(names: readonly string[], allowance?: CpuAllowance): Promise<ReadonlyMap<string, FoundType>> {
    if (names.some((name) => !this.#builtIn.has(name))) await this.#refresh();
    const found = new Map<string, FoundType>();
    for (const name of names) {
      const entry = this.#entries.get(name);
      const isLate = entry && !entry.isVetted() && allowance?.isSpent === true;
      if (entry) found.set(name, isLate ? later : entry.type());
    }
    return found;
  }

  /** Every name, as far as it was read, in order. */
  get names(): string[] {
    return [...this.#entries.keys()].sort();
  }

  /** For `GET /types`: as Redis has them now. */
  async views(): Promise<TypeView[]> {
    await this.#share();
    const allowance = new CpuAllowance();
    for (const entry of this.#entries.values()) {
      if (allowance.isSpent) break;
      entry.type();
    }
    return this.known();
  }

  /** Returns the same views from the last read. */
  known(): TypeView[] {
    return this.names.flatMap((name) => this.#entries.get(name)?.view() ?? []);
  }

  async #refresh(): Promise<void> {
    if (performance.now() - this.#readAt >= freshMs) await this.#share();
  }

  /** Reads the announcements; concurrent callers share one read. */
  #share(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<void> {
    const { nowMs, texts, agents } = await this.#readAnnouncements();
    const versions = new Map<string, TypeVersion>();
    const byType = new Map<string, TypeVersion[]>([...this.#builtIn.keys()].map((name) => [name, []]));
    for (const [field, text] of Object.entries(texts)) {
      const version = announcedVersion(field, text, this.#versions.get(field));
      if (version.announcedAtMs !== null && nowMs - version.announcedAtMs >= keptMs) continue;
      versions.set(field, version);
      const ofType = byType.get(version.type);
      if (ofType) ofType.push(version);
      else byType.set(version.type, [version]);
    }
    const agentsOf = ({ type, digest }: TypeVersion) => agents.get(`${type}@${digest}`) ?? [];
    this.#versions = versions;
    this.#entries = new Map(
      [...byType].map(([name, announced]) => {
        const builtIn = this.#builtIn.get(name);
        announced.sort(lastFirst);
        const entry = builtIn
          ? builtInEntry(builtIn, announced, agentsOf)
          : announcedEntry(announced, agentsOf);
        return [name, entry];
      }),
    );
    this.#readAt = performance.now();
    this.#logConflicts();
  }

  #logConflicts(): void {
    const found = new Map<string, string>();
    for (const [type, { conflict }] of this.#entries) {
      if (!conflict) continue;
      const { note, versions } = conflict;
      const which = versions.map(({ digest }) => digest).sort();
      found.set(type, which.join(' '));
      if (this.#logged.get(type) === found.get(type)) continue;
      const about = versions.map(({ digest, agents }) => ({ digest, agents: agents.slice(0, 20) }));
      this.#logger?.warn(
        { type, versions: about },
        `agents announce conflicting schemas of a command type: ${note}`,
      );
    }
    for (const type of this.#logged.keys()) {
      if (!found.has(type)) this.#logger?.info({ type }, 'agents agree about a command type again');
    }
    this.#logged = found;
  }
}

const lastFirst = (one: TypeVersion, other: TypeVersion) =>
  (other.announcedAtMs ?? 0) - (one.announcedAtMs ?? 0) || one.digest.localeCompare(other.digest);

type AgentsOf = (version: TypeVersion) => readonly string[];

const strict =
  'payloads are accepted only when they fit all of these versions, since any of these agents may be given them';
const ours = 'payloads are checked by the version that is built into this server';

/** @param announced at least one; the one that was announced last comes first, as below */
function announcedEntry(announced: readonly TypeVersion[], agentsOf: AgentsOf): Entry {
  const live = announced.filter((version) => agentsOf(version).length > 0);
  const [current] = live.length > 0 ? live : announced;
  if (!current) throw new Error('there is no type without a version');
  if (live.length < 2) return entryOf(current, null);
  let all: CatalogType | undefined;
  const isVetted = () => live.every((version) => version.isVetted());
  const usable = () => (all ??= allOf(live));
  return entryOf({ ...current, usable, isVetted }, conflictOf(strict, live, agentsOf));
}

function builtInEntry(builtIn: TypeVersion, announced: readonly TypeVersion[], agentsOf: AgentsOf): Entry {
  const others = announced.filter(
    (version) => version.digest !== builtIn.digest && agentsOf(version).length > 0,
  );
  if (others.length === 0) return entryOf(builtIn, null);
  return entryOf(builtIn, conflictOf(ours, [...others, builtIn], agentsOf));
}

function entryOf(version: TypeVersion, conflict: TypeView['conflict']): Entry {
  const { type, source, usable, isVetted } = version;
  const faultOf = (known: CatalogType) => (known.usable ? null : known.fault);
  const view = () => {
    const schemaError = isVetted() ? faultOf(usable()) : null;
    return { type, source, ...shown(version), schemaError, conflict };
  };
  return { type: usable, isVetted, conflict, view };
}
