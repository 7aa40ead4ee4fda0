import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../project-root.js';
import { manualText } from './manual.js';

test('docs/reference/cli.md is what --help says: npm run generate', () => {
  expect(readFileSync(join(projectRoot, 'docs/reference/cli.md'), 'utf8')).toBe(manualText());
});
