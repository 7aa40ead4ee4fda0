import { join } from 'node:path';
import { projectRoot } from './project-root.js';
import { runStack } from './stack-program.js';

void runStack(process.argv.slice(2), {
  server: join(projectRoot, 'dist/server/main.js'),
  agent: join(projectRoot, 'dist/agent/main.js'),
});
