import { writeFileSync } from 'node:fs';
import { builtInTypes, builtInTypesFile } from './builtin-types.js';

// Behind `npm run generate`, in the repository's root.
void builtInTypes().then((json) => writeFileSync(builtInTypesFile, json));
