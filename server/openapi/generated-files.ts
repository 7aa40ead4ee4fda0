import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { commandTypeInfoSchema } from '../../shared/protocol/command-types.js';
import { openApiDocument } from './document.js';
import { errorCodesPage } from './error-codes-page.js';
import { postmanCollection } from './postman-collection.js';
import { builtIn } from './submission-schemas.js';

/**
 * Returns the generated files about the API that are committed, by their paths in the repository. The built-in
 * command types are as their committed file has them now, which may be newer than this program.
 *
 * @param builtInTypes the path of that file
 */
export function generatedFiles(builtInTypes: string): Record<string, string> {
  const infos = builtInSchema.parse(JSON.parse(readFileSync(builtInTypes, 'utf8')));
  const document = openApiDocument(Object.entries(infos).map(([type, info]) => builtIn(type, info)));
  return {
    'docs/reference/openapi.json': textOf(document),
    'docs/reference/fencepost.postman_collection.json': textOf(postmanCollection(document)),
    'docs/reference/error-codes.md': errorCodesPage(),
  };
}

const builtInSchema = z.record(z.string(), commandTypeInfoSchema);

const textOf = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
