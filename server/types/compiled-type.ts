import { type z } from 'zod';
import { schemaLimits } from '../../shared/protocol/bounds.js';
import { type typeConflictSchema, type TypeView } from '../../shared/protocol/api.js';
import {
  announcedTypeSchema,
  builtInTypes,
  type CommandTypeInfo,
  type TypeTimeout,
} from '../../shared/protocol/command-types.js';
import { type OnAgentLost } from '../../shared/protocol/commands.js';
import { digestOfType, partsOfField } from '../../shared/protocol/type-digest.js';
import { boundsFault } from '../http/body-bounds.js';
import { type FieldFault } from '../http/problem.js';
import { nativePatterns } from './native-patterns.js';
import {
  AnnouncedSchemas,
  compilePayloadSchema,
  type PayloadValidator,
  UnusableSchema,
} from './payload-validator.js';
import { vetSchema } from './schema-vetting.js';

/** A command type as submissions meet it. */
export type CatalogType =
  | {
      readonly usable: true;
      /**
       * Compiled at the first call, which costs milliseconds. undefined: its schemas may cost more than a
       * payload deserves, so only the thread that is made for that may apply them.
       */
      readonly validate: PayloadValidator | undefined;
      /** Whether `validate` was called before. */
      readonly isCompiled: () => boolean;
      /** The JSON Schemas, as JSON, all of which a payload must fit. */
      readonly schemas: readonly string[];
      /** Returns the faults of a payload, given its faults by each schema. */
      readonly blame: (found: readonly (readonly FieldFault[])[]) => readonly FieldFault[];
      readonly onAgentLost: OnAgentLost;
      readonly defaultTimeoutMs: TypeTimeout | null;
    }
  /** An agent announced it, but in a way that cannot be used: nothing can be checked, so submissions are refused. */
  | { readonly usable: false; readonly fault: string };

/** The announced part of a version, as views show it. */
type Said = Pick<TypeView, 'payload' | 'result' | 'onAgentLost' | 'defaultTimeoutMs'>;

/** One version of a command type: built in, or as agents have announced it. */
export interface TypeVersion {
  readonly type: string;
  readonly digest: string;
  readonly source: TypeView['source'];
  /** Looked into when it is first asked for: most versions of a type never are. */
  readonly usable: () => CatalogType;
  /** Whether it was looked into. */
  readonly isVetted: () => boolean;
  readonly said: Said;
  /** By Redis's clock; null: it is built in, or cannot be read. */
  readonly announcedAtMs: number | null;
  /** The text that it was made from; nothing is compiled anew while only the time in it changes. */
  readonly text: string;
}

const nothing: Said = { payload: null, result: null, onAgentLost: null, defaultTimeoutMs: null };

/** By type. Compiled once: a process may have several servers. */
export const builtInVersions: ReadonlyMap<string, TypeVersion> = new Map(
  [...builtInTypes].map(([type, said]) => {
    const { usable } = lazily(() => usableOf(said, true, compilePayloadSchema(said.payload)));
    const version = { type, digest: digestOfType(said), source: 'built-in', said, text: '' } as const;
    return [type, { ...version, usable, isVetted: () => true, announcedAtMs: null }];
  }),
);

/** @param before the same version, as it was read last: only its time changes, as a rule */
export function announcedVersion(field: string, text: string, before: TypeVersion | undefined): TypeVersion {
  const version = { ...partsOfField(field), source: 'announced', text } as const;
  try {
    const time = timeOf(text);
    if (before && isRead(before) && time !== undefined && withoutTime(before.text) === withoutTime(text)) {
      const { said, usable, isVetted } = before;
      return { ...version, said, usable, isVetted, announcedAtMs: time };
    }
    const { announcedAt: announcedAtMs, ...said } = parseAnnouncement(text);
    return { ...version, said, announcedAtMs, ...lazily(() => vetted(said)) };
  } catch (error) {
    if (!(error instanceof UnusableSchema)) throw error;
    const usable = { usable: false, fault: error.message } as const;
    return { ...version, said: nothing, announcedAtMs: null, usable: () => usable, isVetted: () => true };
  }
}

const isRead = ({ announcedAtMs, text }: TypeVersion) => announcedAtMs !== null && timeOf(text) !== undefined;
const timePattern = /,"announcedAt":(\d+)}$/;
const withoutTime = (text: string) => text.slice(0, text.lastIndexOf(','));
const timeOf = (text: string) => {
  const digits = timePattern.exec(text.slice(-40))?.[1];
  return digits === undefined ? undefined : Number(digits);
};

/** Leaves room for the time, and for what an agent may announce besides the schemas. */
const mostChars = schemaLimits.bytes + 1024;

function parseAnnouncement(text: string) {
  if (text.length > mostChars) {
    throw new UnusableSchema(`its schemas are larger than ${schemaLimits.bytes} bytes of JSON`);
  }
  if (boundsFault(Buffer.from(text), { levels: schemaLimits.levels + 2, values: Infinity })) {
    throw new UnusableSchema(`is nested more than ${schemaLimits.levels} levels deep`);
  }
  try {
    return announcedTypeSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new UnusableSchema('the announcement is not {payload, result, onAgentLost, announcedAt} as JSON', {
      cause: error,
    });
  }
}

function lazily<T>(make: () => T): { usable: () => T; isVetted: () => boolean } {
  let made: { readonly value: T } | undefined;
  return { usable: () => (made ??= { value: make() }).value, isVetted: () => made !== undefined };
}

const announced = new AnnouncedSchemas(nativePatterns);

/**
 * Makes ready what every announced schema needs: some 100 ms of CPU, once per process. It is called before
 * the CPU of a request is counted: else the first submission of an announced type would be refused.
 */
export const { usable: warmUp, isVetted: isWarm } = lazily(() => {
  const schema = { type: 'object', properties: { a: { type: 'integer', minimum: 1 } }, required: ['a'] };
  vetSchema(schema);
  announced.compile(schema)({ a: 0 });
});

function vetted(said: CommandTypeInfo): CatalogType {
  const { fault, isLight } = vetSchema(said.payload);
  if (fault !== undefined) return { usable: false, fault };
  const { usable: compiled } = lazily(() => announced.compile(said.payload));
  let isCompiled = false;
  const validate: PayloadValidator = (payload) => {
    isCompiled = true;
    return compiled()(payload);
  };
  return usableOf(said, isLight, validate, () => isCompiled);
}

function usableOf(
  { payload, onAgentLost, defaultTimeoutMs }: CommandTypeInfo,
  isLight: boolean,
  validate: PayloadValidator,
  isCompiled = () => true,
): CatalogType {
  return {
    usable: true,
    validate: isLight ? validate : undefined,
    isCompiled,
    schemas: [JSON.stringify(payload)],
    blame: ([own = []]) => own,
    onAgentLost,
    defaultTimeoutMs,
  };
}

/**
 * Combines the versions of a type that live agents announce: a payload must fit all of them, since any of the agents
 * may be given it. Where the versions differ in the rest, the result is the choice that can do no harm.
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
  const validators = usable.flatMap(({ validate }) => validate ?? []);
  const isLight = validators.length === usable.length;
  return {
    usable: true,
    validate: isLight ? (payload) => blame(validators.map((validate) => validate(payload))) : undefined,
    isCompiled: () => usable.every(({ isCompiled }) => isCompiled()),
    schemas: usable.flatMap(({ schemas }) => schemas),
    blame,
    onAgentLost: usable.every(({ onAgentLost }) => onAgentLost === 'retry') ? 'retry' : 'fail',
    // When the versions differ, only the agents know: no server ends an attempt by the time of another version.
    defaultTimeoutMs: isSame ? (first?.defaultTimeoutMs ?? null) : null,
  };
}

function blame(found: readonly (readonly FieldFault[])[]): FieldFault[] {
  const faults = found.find(({ length }) => length > 0) ?? [];
  if (found.every(({ length }) => length > 0)) return [...faults];
  return faults.map((fault) => ({ ...fault, message: `${fault.message}${onlySome}` }));
}

const onlySome =
  ' for some of the agents that know this type: they announce different schemas, and any of them may be given it (GET /types)';

type Conflict = z.input<typeof typeConflictSchema>;

/** Describes a conflict between versions, as evidence for people. */
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
