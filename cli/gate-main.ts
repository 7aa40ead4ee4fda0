import { ensureRedisBinary, RedisMissing } from '../shared/runtime/redis-binary.js';
import { runGate, summary } from './gate.js';
import { projectRoot } from './project-root.js';

const say = (line: string) => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  try {
    // Before the tests, so that Jest's workers do not install it all at once.
    await ensureRedisBinary(say);
  } catch (error) {
    if (!(error instanceof RedisMissing)) throw error;
    say(error.message);
    say(summary(undefined));
    return 1;
  }
  return runGate({ root: projectRoot, jestArgs: process.argv.slice(2), say });
}

void main().then((code) => process.exit(code));
