import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../project-root.js';
import { manualText } from './manual.js';

// Behind `npm run generate`.
writeFileSync(join(projectRoot, 'docs', 'cli.md'), manualText());
