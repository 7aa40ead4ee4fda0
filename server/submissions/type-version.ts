import { type z } from 'zod';
import { type typeConflictSchema, type TypeView } from '../../shared/protocol/api.js';
import {
  announcedTypeSchema,
  builtInTypes,
  type CommandTypeInfo,
  type TypeTimeout,
} from '../../shared/protocol/command-types.js';
import { type OnAgentLost } from '../../shared/protocol/commands.js';
import { digestOfType, partsOfField } from '../../shared/protocol/type-digest.js';
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

/** What is shown of a version. */
type Said = Pick<TypeView, 'payload' | 'result' | 'onAgentLost' | 'defaultTimeoutMs'>;

/** One version of a command type: built in, or as agents have announced it. */
export interface TypeVersion {
  readonly type: string;
  readonly digest: string;
  readonly source: TypeView['source'];
  /** Compiled when it is first asked for: most versions of a type never are. */
  readonly usable: () => CatalogType;
  readonly said: Said;
  /** By Redis's clock; null: it is built in, or cannot be read. */
  readonly announcedAtMs: number | null;
  /** What it was made from: compiled anew only when that changes. */
  readonly text: string;
}

const nothing: Said = { payload: null, result: null, onAgentLost: null, defaultTimeoutMs: null };

export function builtInVersions(): Map<string, TypeVersion> {
  return new Map(
    [...builtInTypes].map(([type, said]) => {
      const version = { type, digest: digestOfType(said), source: 'built-in', said, text: '' } as const;
      return [type, { ...version, usable: lazily(said), announcedAtMs: null }];
    }),
  );
}

const withoutTime = (text: string) => text.replace(/,"announcedAt":\d+}$/, '');

/** @param before the same version, as it was read last: only its time changes, as a rule */
export function announcedVersion(field: string, text: string, before: TypeVersion | undefined): TypeVersion {
  const version = { ...partsOfField(field), source: 'announced', text } as const;
  try {
    const { announcedAt: announcedAtMs, ...said } = parseAnnouncement(text);
    const known = before && withoutTime(before.text) === withoutTime(text) ? before.usable : undefined;
    return { ...version, said, announcedAtMs, usable: known ?? lazily(said) };
  } catch (error) {
    const usable = unusable(error);
    return { ...version, said: nothing, announcedAtMs: null, usable: () => usable };
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

function lazily(info: CommandTypeInfo): () => CatalogType {
  let usable: CatalogType | undefined;
  return () => (usable ??= usableOf(info));
}

function usableOf(info: CommandTypeInfo): CatalogType {
  try {
    return compiled(info);
  } catch (error) {
    return unusable(error);
  }
}

function compiled(info: CommandTypeInfo): CatalogType {
  const { payload, onAgentLost, defaultTimeoutMs } = info;
  return { usable: true, validate: compilePayloadSchema(payload), onAgentLost, defaultTimeoutMs };
}

function unusable(error: unknown): CatalogType {
  if (!(error instanceof UnusableSchema)) throw error;
  return { usable: false, fault: error.message };
}

/**
 * What is let in while live agents announce several versions of a type: what all of them accept, since
 * any of them may be given it. Where they differ in the rest, what can do no harm.
 */
export function allOf(versions: readonly TypeVersion[]): CatalogType {
  const all = versions.map(({ usable }) => usable());
  const usable = all.filter((one) => one.usable);
  const broken = all.find((one) => !one.usable);
  if (broken) return broken;
  const [first] = usable;
  const isSame = usable.every(
    ({ defaultTimeoutMs: one }) => JSON.stringify(one) === JSON.stringify(first?.defaultTimeoutMs),
  );
  return {
    usable: true,
    validate: (payload) => {
      const found = usable.map(({ validate }) => validate(payload));
      const faults = found.find(({ length }) => length > 0) ?? [];
      if (found.every(({ length }) => length > 0)) return faults;
      return faults.map((fault) => ({ ...fault, message: `${fault.message}${onlySome}` }));
    },
    onAgentLost: usable.every(({ onAgentLost }) => onAgentLost === 'retry') ? 'retry' : 'fail',
    // Only the agents know, then: no server ends an attempt by another one's time.
    defaultTimeoutMs: isSame ? (first?.defaultTimeoutMs ?? null) : null,
  };
}

const onlySome =
  ' for some of the agents that know this type: they announce different schemas, and any of them may be given it (GET /types)';

type Conflict = z.input<typeof typeConflictSchema>;

/** Evidence for people. */
export function conflictOf(
  note: string,
  versions: readonly TypeVersion[],
  agentsOf: (version: TypeVersion) => readonly string[],
): Conflict {
  return {
    note,
    versions: versions.map((version) => ({
      digest: version.digest,
      agents: [...agentsOf(version)],
      ...shown(version),
    })),
  };
}

/** A version's part of a view. */
export function shown({ said, announcedAtMs }: TypeVersion) {
  const { payload, result, onAgentLost, defaultTimeoutMs } = said;
  const announcedAt = announcedAtMs === null ? null : new Date(announcedAtMs).toISOString();
  return { payload, result, onAgentLost, defaultTimeoutMs, announcedAt };
}
