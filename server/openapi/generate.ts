import { readFileSync, writeFileSync } from 'node:fs';
import { settingsPage, withSettingsTable } from '../../shared/runtime/settings-page.js';
import { serverSettings } from '../config.js';
import { generatedFiles } from './generated-files.js';

// Behind `npm run generate`, in the repository's root, after the built-in types were written.
for (const [path, text] of Object.entries(generatedFiles('shared/protocol/builtin-types.json'))) {
  writeFileSync(path, text);
}
writeFileSync(settingsPage, withSettingsTable(readFileSync(settingsPage, 'utf8'), 'server', serverSettings));
