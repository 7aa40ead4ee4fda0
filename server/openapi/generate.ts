import { writeFileSync } from 'node:fs';
import { generatedFiles } from './generated-files.js';

// Behind `npm run generate`, in the repository's root, after the built-in types were written.
for (const [path, text] of Object.entries(generatedFiles('shared/protocol/builtin-types.json'))) {
  writeFileSync(path, text);
}
