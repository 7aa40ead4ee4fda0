import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from './project-root.js';

// Behind `npm run generate`: each side writes what is made from its own code.
for (const program of ['agent/generate.js', 'cli/client/generate.js']) {
  execFileSync(process.execPath, [join(__dirname, '..', program)], { cwd: projectRoot, stdio: 'inherit' });
}
