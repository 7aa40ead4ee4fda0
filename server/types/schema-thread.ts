import { parentPort, workerData } from 'node:worker_threads';
import { problemErrors } from '../../shared/protocol/bounds.js';
import { type JsonSchema } from '../../shared/protocol/command-types.js';
import { type FieldFault } from '../http/problem.js';
import { withinCpu } from './cpu-deadline.js';
import { AnnouncedSchemas, type PayloadValidator, UnusableSchema } from './payload-validator.js';
import { type CheckReply, type CheckRequest, type SchemaThreadData } from './schema-protocol.js';

/** Validators that are kept; of more, the one that was used longest ago is made anew. */
const mostKept = 500;

const { nativePatterns } = workerData as SchemaThreadData;
let announced = new AnnouncedSchemas(nativePatterns);
/** Since the last compilation began, it has not ended. */
let isCompiling = false;
// Work that is done once is not charged to the first request.
announced.compile({ type: 'object', properties: { a: { pattern: '^a+$' } } })({ a: 'a' });

/** @throws UnusableSchema */
function compile(schema: JsonSchema): PayloadValidator {
  // A compilation that was ended in the middle leaves ajv in a state in which it refuses what it would take.
  if (isCompiling) announced = new AnnouncedSchemas(nativePatterns);
  isCompiling = true;
  try {
    return announced.compile(schema);
  } finally {
    // Not run when it was ended from outside.
    isCompiling = false;
  }
}

/** The schemas of `kept` that have already been applied to payloads, so that V8 has compiled their validators. */
const tried = new Set<string>();
const kept = new Map<string, PayloadValidator>();

/** @throws UnusableSchema */
function validatorOf(text: string): PayloadValidator {
  const validator = kept.get(text) ?? compile(JSON.parse(text) as JsonSchema);
  kept.delete(text);
  kept.set(text, validator);
  const [oldest] = kept.keys();
  if (kept.size > mostKept && oldest !== undefined) {
    kept.delete(oldest);
    tried.delete(oldest);
  }
  return validator;
}

function answer({ schemas, payloads, compileMs, checkMs }: CheckRequest): CheckReply {
  const validators: PayloadValidator[] = [];
  // The work begins again when it was ended, and keeps the validators that it has made already.
  const compiled = withinCpu(compileMs, (): { unusable?: string } => {
    try {
      while (validators.length < schemas.length)
        validators.push(validatorOf(schemas[validators.length] ?? ''));
      return {};
    } catch (error) {
      if (!(error instanceof UnusableSchema)) throw error;
      return { unusable: error.message };
    }
  });
  if (!compiled) return { word: 'cut', what: 'compile' };
  if (compiled.unusable !== undefined) {
    return { word: 'unusable', schema: validators.length, fault: compiled.unusable };
  }
  const faults: FieldFault[][][] = [];
  let found = 0;
  const check = () => {
    while (faults.length < payloads.length && found < problemErrors) {
      const { text, schemas: own } = payloads[faults.length] ?? { text: 'null', schemas: [] };
      const payload: unknown = JSON.parse(text);
      const all = own.map((at) => validators[at]?.(payload) ?? []);
      faults.push(all);
      for (const { length } of all) found += length;
    }
    return faults;
  };
  // V8 has not compiled yet what runs for the first time, which then takes several times as long. A client would
  // take the answer for final, so a check that a new schema makes too costly is retried once; what was checked
  // stays checked.
  const isNew = schemas.some((text) => !tried.has(text));
  const checked = withinCpu(checkMs, check) ?? (isNew ? withinCpu(checkMs, check) : undefined);
  for (const text of schemas) if (kept.has(text)) tried.add(text);
  return checked ? { word: 'checked', faults: checked } : { word: 'cut', what: 'check' };
}

parentPort?.on('message', (request: CheckRequest) => {
  parentPort?.postMessage(answer(request));
});
