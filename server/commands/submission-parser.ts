import { problemErrors } from '../../shared/protocol/bounds.js';
import {
  limits,
  type OnAgentLost,
  type Submission,
  submissionSchema,
} from '../../shared/protocol/commands.js';
import { type ProblemCode } from '../../shared/protocol/errors.js';
import { type FieldFault, invalid } from '../http/problem.js';
import { fieldName, type Parsed, parseInput, suggestion } from '../http/input.js';
import { checkInThread, type InThread } from '../types/thread-checks.js';
import { CpuAllowance } from '../types/cpu-allowance.js';
import { UnusableSchema } from '../types/payload-validator.js';
import { type SchemaChecker } from '../types/schema-checker.js';
import { stillLearning, unusableType } from '../types/schema-problems.js';
import { type FoundType, type TypeCatalog } from '../types/type-catalog.js';
import { builtInVersions, type CatalogType, warmUp } from '../types/compiled-type.js';
import { type ParsedSubmission, parseFast } from './submission-fast-path.js';

/** A submission that has passed every check that a server can make before it is stored. */
export interface CheckedSubmission extends ParsedSubmission {
  /** The lost-agent policy of the type, which applies when the submission names none. */
  readonly typeOnAgentLost: OnAgentLost;
}

/** The catalog and the checker by which submissions are checked. */
export interface SubmissionRules {
  readonly catalog: TypeCatalog;
  readonly checker: Pick<SchemaChecker, 'check'>;
}

type UsableType = Extract<CatalogType, { usable: true }>;

type Checked =
  | {
      readonly ok: true;
      readonly value: CheckedSubmission;
      /** The type by which the payload is yet to be checked. */
      readonly unchecked?: UsableType;
    }
  | { readonly ok: false; readonly code: ProblemCode; readonly faults: readonly FieldFault[] };

type Path = readonly (string | number)[];

/** Checks the body of `POST /commands`. @throws Problem with every fault */
export async function parseSubmission(body: unknown, rules: SubmissionRules): Promise<CheckedSubmission> {
  const [checked] = await checkAll([body], () => [], rules);
  if (!checked) throw new Error('a submission was neither checked nor refused');
  return checked;
}

/** Checks the body of `POST /commands/batch`: all of it or nothing. @throws Problem with the first faults */
export async function parseBatch(body: unknown, rules: SubmissionRules): Promise<CheckedSubmission[]> {
  return checkAll(commandsOf(body), (i) => ['commands', i], rules);
}

/** By hand: zod would walk through as many items as a body can hold before it counts them. */
function commandsOf(body: unknown): readonly unknown[] {
  const refuse = (field: string, message: string): never => {
    throw invalid([{ field, message }]);
  };
  if (!isObject(body)) return refuse('body', 'must be a JSON object');
  const unknown = Object.keys(body).find((name) => name !== 'commands');
  if (unknown !== undefined) {
    return refuse(fieldName([unknown]), `is not known${suggestion(unknown, ['commands'])}`);
  }
  const commands: unknown = body.commands;
  if (commands === undefined) return refuse('commands', 'is required');
  if (!Array.isArray(commands)) return refuse('commands', 'must be an array');
  if (commands.length === 0) return refuse('commands', 'must have at least 1 items');
  if (commands.length <= limits.batchCommands) return commands;
  return refuse('commands', `must have at most ${limits.batchCommands} items`);
}

/** All of them or nothing. It gives up when it has found as many faults as an answer lists. */
async function checkAll(
  items: readonly unknown[],
  pathOf: (i: number) => Path,
  { catalog, checker }: SubmissionRules,
): Promise<CheckedSubmission[]> {
  const names = typesIn(items);
  if (names.some((name) => !builtInVersions.has(name))) warmUp();
  const allowance = new CpuAllowance();
  const types = await catalog.find(names, allowance);
  const values: CheckedSubmission[] = [];
  const unchecked: InThread[] = [];
  const faults: FieldFault[] = [];
  let code: ProblemCode | undefined;
  for (const [i, item] of items.entries()) {
    const path = pathOf(i);
    const checked = checkSubmission(item, path, types, catalog, allowance);
    if (checked.ok) {
      values.push(checked.value);
      if (checked.unchecked) {
        unchecked.push({ path, text: checked.value.payloadText, type: checked.unchecked });
      }
    } else {
      code ??= checked.code;
      for (const fault of checked.faults) faults.push(fault);
      if (faults.length >= problemErrors) break;
    }
  }
  if (code !== undefined) throw invalid(faults, code);
  if (unchecked.length > 0) await checkInThread(unchecked, checker, under);
  return values;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function typesIn(items: readonly unknown[]): string[] {
  const types = new Set<string>();
  for (const item of items) if (isObject(item) && typeof item.type === 'string') types.add(item.type);
  return [...types];
}

function checkSubmission(
  raw: unknown,
  path: Path,
  types: ReadonlyMap<string, FoundType>,
  catalog: TypeCatalog,
  allowance: CpuAllowance,
): Checked {
  if (!isObject(raw)) {
    return refused('invalid_request', [{ field: fieldName(path), message: 'must be a JSON object' }]);
  }
  const type = typeof raw.type === 'string' ? types.get(raw.type) : undefined;
  if (type?.usable === 'later') throw stillLearning();
  const typeField = fieldName([...path, 'type']);
  if (!type)
    return refused('unknown_type', [{ field: typeField, message: unknownType(raw.type, catalog.names) }]);
  if (!type.usable)
    return refused('invalid_type_schema', [{ field: typeField, message: unusableType(type.fault) }]);
  const usual = parseFast(raw);
  const payloadText = usual?.payloadText ?? textOf(raw.payload);
  const parsed: Parsed<ParsedSubmission> = usual ? { ok: true, value: usual } : parseAny(raw, payloadText);
  const faults = [...(parsed.ok ? timeFaults(parsed.value.submission) : parsed.faults)];
  if (raw.payload !== undefined && type.validate && !isTooLarge(payloadText)) {
    if (!type.isCompiled() && allowance.isSpent) throw stillLearning();
    try {
      for (const fault of type.validate(raw.payload)) faults.push(fault);
    } catch (error) {
      if (!(error instanceof UnusableSchema)) throw error;
      return refused('invalid_type_schema', [{ field: typeField, message: unusableType(error.message) }]);
    }
  }
  if (!parsed.ok || faults.length > 0) {
    return refused(
      'invalid_request',
      faults.map((fault) => ({ ...fault, field: under(path, fault.field) })),
    );
  }
  const value = { ...parsed.value, typeOnAgentLost: type.onAgentLost };
  return type.validate ? { ok: true, value } : { ok: true, value, unchecked: type };
}

/** Parses by the schema, which has a message for every fault; the payload is treated apart, since it may be large. */
function parseAny(raw: Record<string, unknown>, payloadText: string): Parsed<ParsedSubmission> {
  const isThere = raw.payload !== undefined;
  const parsed = parseInput(
    submissionSchema,
    isThere ? { ...raw, payload: null } : raw,
    Object.keys(submissionSchema.shape),
  );
  const payload = raw.payload as Submission['payload'];
  const faults = parsed.ok ? [] : parsed.faults;
  if (isTooLarge(payloadText)) {
    faults.push({ field: 'payload', message: `must be at most ${limits.payloadBytes} bytes as JSON` });
  }
  if (!parsed.ok || faults.length > 0) return { ok: false, faults };
  // The payload as it was sent: zod's copy of it would lack keys named `__proto__`.
  return { ok: true, value: { submission: { ...parsed.value, payload }, payloadText } };
}

/** A payload as it is stored; '' for none. */
const textOf = (payload: unknown) => (payload === undefined ? '' : JSON.stringify(payload));
const isTooLarge = (payloadText: string) => Buffer.byteLength(payloadText) > limits.payloadBytes;

const refused = (code: ProblemCode, faults: readonly FieldFault[]): Checked => ({ ok: false, code, faults });

const under = (path: Path, field: string) => (path.length === 0 ? field : `${fieldName(path)}.${field}`);

function unknownType(type: unknown, known: readonly string[]): string {
  const list = `(known: ${known.slice(0, 50).join(', ')})`;
  if (type === undefined) return `is required ${list}`;
  return typeof type === 'string'
    ? `is not known${suggestion(type, known)} ${list}`
    : `must be a string ${list}`;
}

/** Rules between fields. An instant counts from this process's clock: here a second more or less is nothing. */
function timeFaults({ runAt, delayMs, ttlMs }: Submission): FieldFault[] {
  const startsInMs = runAt === undefined ? (delayMs ?? 0) : Date.parse(runAt) - Date.now();
  if (startsInMs > limits.delayMs) {
    return [{ field: 'runAt', message: `must be at most ${limits.delayMs} ms from now` }];
  }
  if (ttlMs !== undefined && ttlMs <= startsInMs) {
    const start = runAt === undefined ? 'delayMs' : 'the time until runAt';
    return [{ field: 'ttlMs', message: `must be more than ${start}, else it expires before it may start` }];
  }
  return [];
}
