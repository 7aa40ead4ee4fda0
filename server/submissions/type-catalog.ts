import { type TypeView } from '../../shared/protocol/api.js';
import {
  announcedTypeSchema,
  builtInTypes,
  type CommandTypeInfo,
  type TypeTimeout,
} from '../../shared/protocol/command-types.js';
import { type OnAgentLost } from '../../shared/protocol/commands.js';
import { compilePayloadSchema, type PayloadValidator, UnusableSchema } from './payload-validator.js';

/** A command type as submissions meet it. */
export type CatalogType =
  | {
      readonly usable: true;
      readonly validate: PayloadValidator;
      readonly onAgentLost: OnAgentLost;
      readonly defaultTimeoutMs: TypeTimeout | null;
    }
  /** Somebody announced it, but in a way that cannot be used: nothing can be checked, so nothing is let in. */
  | { readonly usable: false; readonly fault: string };

interface Entry {
  readonly type: CatalogType;
  readonly view: TypeView;
  /** What it was made from: compiled anew only when that changes. */
  readonly text: string;
}

/** How old what is known of announced types may be when one is named. */
const freshMs = 1000;

/**
 * The command types that may be submitted: the built-in ones, and what agents have announced. The
 * built-in ones come first, so that no agent can loosen them.
 */
export class TypeCatalog {
  readonly #readAnnounced: () => Promise<Readonly<Record<string, string>>>;
  readonly #builtIn: ReadonlyMap<string, Entry> = builtInEntries();
  #announced: ReadonlyMap<string, Entry> = new Map();
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;

  /** @param readAnnounced the hash `fencepost:types` */
  constructor(readAnnounced: () => Promise<Readonly<Record<string, string>>>) {
    this.#readAnnounced = readAnnounced;
  }

  /**
   * The types that have these names; what is not built in is read again when it was read more than a
   * second ago.
   */
  async find(names: readonly string[]): Promise<ReadonlyMap<string, CatalogType>> {
    if (names.some((name) => !this.#builtIn.has(name))) await this.#refresh();
    const found = new Map<string, CatalogType>();
    for (const name of names) {
      const entry = this.#builtIn.get(name) ?? this.#announced.get(name);
      if (entry) found.set(name, entry.type);
    }
    return found;
  }

  /** Every name, as far as it was read, in order. */
  get names(): string[] {
    return [...new Set([...this.#builtIn.keys(), ...this.#announced.keys()])].sort();
  }

  /** For `GET /types`: as Redis has them now. */
  async views(): Promise<TypeView[]> {
    await this.#share();
    return this.known();
  }

  /** The same, as it was read last. */
  known(): TypeView[] {
    return this.names.flatMap((name) => (this.#builtIn.get(name) ?? this.#announced.get(name))?.view ?? []);
  }

  async #refresh(): Promise<void> {
    if (performance.now() - this.#readAt >= freshMs) await this.#share();
  }

  /** Those who ask at the same time share one read. */
  #share(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<void> {
    const hash = await this.#readAnnounced();
    this.#announced = new Map(
      Object.entries(hash).map(([name, text]) => {
        const known = this.#announced.get(name);
        return [name, known?.text === text ? known : announcedEntry(name, text)];
      }),
    );
    this.#readAt = performance.now();
  }
}

function builtInEntries(): Map<string, Entry> {
  return new Map(
    [...builtInTypes].map(([name, info]) => {
      const view: TypeView = { type: name, source: 'built-in', ...info, announcedAt: null, fault: null };
      return [name, { type: usable(info), view, text: '' }];
    }),
  );
}

function announcedEntry(name: string, text: string): Entry {
  const nothing = {
    payload: null,
    result: null,
    onAgentLost: null,
    defaultTimeoutMs: null,
    announcedAt: null,
  };
  try {
    const { announcedAt, ...info } = parseAnnouncement(text);
    const said = { ...info, announcedAt: new Date(announcedAt).toISOString() };
    try {
      return { type: usable(info), view: { type: name, source: 'announced', ...said, fault: null }, text };
    } catch (error) {
      return unusable(name, text, said, error);
    }
  } catch (error) {
    return unusable(name, text, nothing, error);
  }
}

function parseAnnouncement(text: string) {
  try {
    return announcedTypeSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new UnusableSchema('the announcement is not {payload, result, onAgentLost, announcedAt} as JSON', {
      cause: error,
    });
  }
}

function usable(info: CommandTypeInfo): CatalogType {
  const { payload, onAgentLost, defaultTimeoutMs } = info;
  return { usable: true, validate: compilePayloadSchema(payload), onAgentLost, defaultTimeoutMs };
}

function unusable(
  name: string,
  text: string,
  said: Pick<TypeView, 'payload' | 'result' | 'onAgentLost' | 'defaultTimeoutMs' | 'announcedAt'>,
  error: unknown,
): Entry {
  if (!(error instanceof UnusableSchema)) throw error;
  const fault = error.message;
  return { type: { usable: false, fault }, view: { type: name, source: 'announced', ...said, fault }, text };
}
