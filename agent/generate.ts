import { readFileSync, writeFileSync } from 'node:fs';
import { settingsPage, withSettingsTable } from '../shared/runtime/settings-page.js';
import { builtInTypes, builtInTypesFile } from './builtin-types.js';
import { agentSettings } from './config.js';

// Behind `npm run generate`, in the repository's root.
void builtInTypes().then((json) => writeFileSync(builtInTypesFile, json));
writeFileSync(settingsPage, withSettingsTable(readFileSync(settingsPage, 'utf8'), 'agent', agentSettings));
