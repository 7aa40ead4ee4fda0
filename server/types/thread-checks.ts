import { problemErrors } from '../../shared/protocol/bounds.js';
import { type FieldFault, invalid } from '../http/problem.js';
import { fieldName } from '../http/input.js';
import { type SchemaChecker } from './schema-checker.js';
import { costlyPayload, noThreadToCheck, tooBusyToCheck, unusableType } from './schema-problems.js';
import { type CatalogType } from './compiled-type.js';

type Path = readonly (string | number)[];

/** A payload that only the thread for costly schemas may check. */
export interface InThread {
  /** The path of the submission in the body. */
  readonly path: Path;
  /** JSON. */
  readonly text: string;
  readonly type: Extract<CatalogType, { usable: true }>;
}

/** @throws Problem when one does not fit, or when that could not be found out */
export async function checkInThread(
  items: readonly InThread[],
  checker: Pick<SchemaChecker, 'check'>,
  under: (path: Path, field: string) => string,
): Promise<void> {
  const places = new Map<string, number>();
  const payloads = items.map(({ text, type }) => ({
    text,
    schemas: type.schemas.map((schema) => {
      if (!places.has(schema)) places.set(schema, places.size);
      return places.get(schema) ?? 0;
    }),
  }));
  const reply = await checker.check({ schemas: [...places.keys()], payloads });
  const payloadField = under(items[0]?.path ?? [], 'payload');
  switch (reply.word) {
    case 'busy':
      throw tooBusyToCheck();
    case 'no-thread':
      throw noThreadToCheck(reply.why);
    case 'cut':
      throw costlyPayload(payloadField, reply.what);
    case 'unusable': {
      const at = payloads.findIndex(({ schemas }) => schemas.includes(reply.schema));
      const field = fieldName([...(items[at]?.path ?? []), 'type']);
      throw invalid([{ field, message: unusableType(reply.fault) }], 'invalid_type_schema');
    }
    case 'checked': {
      const faults: FieldFault[] = [];
      for (const [i, found] of reply.faults.entries()) {
        const item = items[i];
        if (!item || faults.length >= problemErrors) continue;
        for (const fault of item.type.blame(found)) {
          faults.push({ ...fault, field: under(item.path, fault.field) });
        }
      }
      if (faults.length > 0) throw invalid(faults);
    }
  }
}
