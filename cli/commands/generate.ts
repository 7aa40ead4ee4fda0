import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsPage, withSettingsTable } from '../../shared/runtime/settings-page.js';
import { projectRoot } from '../project-root.js';
import { stackSettings } from '../stack-config.js';
import { manualText } from './manual.js';

// Behind `npm run generate`.
writeFileSync(join(projectRoot, 'docs/reference/cli.md'), manualText());
writeFileSync(settingsPage, withSettingsTable(readFileSync(settingsPage, 'utf8'), 'stack', stackSettings));
