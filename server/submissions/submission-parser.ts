import { z } from 'zod';
import {
  limits,
  type OnAgentLost,
  type Submission,
  submissionSchema,
} from '../../shared/protocol/commands.js';
import { type ProblemCode } from '../../shared/protocol/errors.js';
import { type FieldFault, invalid } from '../http/problem.js';
import { fieldName, type Parsed, parseInput, suggestion } from '../http/input.js';
import { type TypeCatalog } from './type-catalog.js';
import { type CatalogType } from './type-version.js';
import { type ParsedSubmission, parseUsual } from './usual-submission.js';

/** A submission that was checked in every way that can be checked at the door. */
export interface CheckedSubmission extends ParsedSubmission {
  /** What its type says, for when the submission does not. */
  readonly typeOnAgentLost: OnAgentLost;
}

type Checked =
  | { readonly ok: true; readonly value: CheckedSubmission }
  | { readonly ok: false; readonly code: ProblemCode; readonly faults: readonly FieldFault[] };

type Path = readonly (string | number)[];

/** Checks the body of `POST /commands`. @throws Problem with every fault */
export async function parseSubmission(body: unknown, catalog: TypeCatalog): Promise<CheckedSubmission> {
  const types = await catalog.find(typesIn([body]));
  const checked = checkSubmission(body, [], types, catalog);
  if (!checked.ok) throw invalid(checked.faults, checked.code);
  return checked.value;
}

const batchFrameSchema = z.strictObject({
  commands: z.array(z.unknown()).min(1).max(limits.batchCommands),
});

/** Checks the body of `POST /commands/batch`: all of it or nothing. @throws Problem with every fault */
export async function parseBatch(body: unknown, catalog: TypeCatalog): Promise<CheckedSubmission[]> {
  const frame = parseInput(batchFrameSchema, body, ['commands']);
  if (!frame.ok) throw invalid(frame.faults);
  const { commands } = frame.value;
  const types = await catalog.find(typesIn(commands));
  return valuesOf(commands.map((one, i) => checkSubmission(one, ['commands', i], types, catalog)));
}

function valuesOf(all: readonly Checked[]): CheckedSubmission[] {
  const values: CheckedSubmission[] = [];
  const faults: FieldFault[] = [];
  let code: ProblemCode | undefined;
  for (const checked of all) {
    if (checked.ok) values.push(checked.value);
    else {
      code ??= checked.code;
      faults.push(...checked.faults);
    }
  }
  if (code !== undefined) throw invalid(faults, code);
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
  types: ReadonlyMap<string, CatalogType>,
  catalog: TypeCatalog,
): Checked {
  if (!isObject(raw)) {
    return refused('invalid_request', [{ field: fieldName(path), message: 'must be a JSON object' }]);
  }
  const type = typeof raw.type === 'string' ? types.get(raw.type) : undefined;
  if (!type?.usable) return refuseType(raw.type, type, fieldName([...path, 'type']), catalog);
  const usual = parseUsual(raw);
  const parsed: Parsed<ParsedSubmission> = usual ? { ok: true, value: usual } : parseAny(raw);
  const faults = [
    ...(parsed.ok ? timeFaults(parsed.value.submission) : parsed.faults),
    ...(raw.payload === undefined ? [] : type.validate(raw.payload)),
  ];
  if (!parsed.ok || faults.length > 0) {
    return refused(
      'invalid_request',
      faults.map((fault) => ({ ...fault, field: under(path, fault.field) })),
    );
  }
  return { ok: true, value: { ...parsed.value, typeOnAgentLost: type.onAgentLost } };
}

function refuseType(
  name: unknown,
  type: Extract<CatalogType, { usable: false }> | undefined,
  field: string,
  catalog: TypeCatalog,
): Checked {
  if (!type) return refused('unknown_type', [{ field, message: unknownType(name, catalog.names) }]);
  const message = `has a schema that cannot be used, so no payload can be checked: ${type.fault}`;
  return refused('unusable_type', [{ field, message }]);
}

/** By the schema, which has a word for everything that is wrong. */
function parseAny(raw: Record<string, unknown>): Parsed<ParsedSubmission> {
  const parsed = parseInput(submissionSchema, raw, Object.keys(submissionSchema.shape));
  if (!parsed.ok) return parsed;
  // The payload as it was sent: zod's copy of it lacks keys named `__proto__`.
  const submission = { ...parsed.value, payload: raw.payload as Submission['payload'] };
  return { ok: true, value: { submission, payloadText: JSON.stringify(raw.payload) } };
}

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
