import { jsonDepth } from '../../shared/protocol/bounds.js';
import { type ExactJson, parseExactJson, textOfPath } from '../../shared/protocol/exact-json.js';
import { UsageError } from './exit-codes.js';

/** @param where the argument, or the line of a file @throws UsageError also for what would not come back as it was written */
export function parseJson(where: string, json: string): unknown {
  const { value, fault } = parsedBy(where, json);
  if (fault === undefined) return value;
  const field = textOfPath(fault.path, '');
  throw new UsageError(`${where}: ${field === '' ? '' : `${field} `}${fault.message}${fault.advice}`);
}

function parsedBy(where: string, json: string): ExactJson {
  try {
    return parseExactJson(json, jsonDepth);
  } catch (error) {
    throw new UsageError(`${where}: is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
