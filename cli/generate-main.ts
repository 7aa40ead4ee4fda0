import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from './project-root.js';

// Behind `npm run generate`: each side writes what is made from its own code. The document has the
// built-in types in it, so they come first.
for (const program of ['agent/generate.js', 'server/openapi/generate.js', 'cli/commands/generate.js']) {
  execFileSync(process.execPath, [join(__dirname, '..', program)], { cwd: projectRoot, stdio: 'inherit' });
}
