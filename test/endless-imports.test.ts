import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess } from '../testing/processes.js';
import { handlers } from './operations.js';

// agent/command-modules.test.ts tests how a module that never loads is handled; this is what an operator sees.
it('an agent whose module never loads ends with a fault, and names the module', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'fencepost-data-'));
  try {
    // The agent never gets as far as its Redis.
    const env = {
      ...handlers('never-loads'),
      REDIS_URL: 'redis://127.0.0.1:1',
      DATA_DIR: dataDir,
      LOG_PRETTY: 'false',
    };
    const agent = startProcess(['dist/agent/main.js'], { env });
    expect(await agent.exited).toEqual({ code: 1, signal: null });
    expect(agent.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({
        level: 'fatal',
        module: handlers('never-loads').AGENT_COMMANDS,
        msg: 'this module waits for what never comes: nothing is left that could settle it',
      }),
    ]);
  } finally {
    await rm(dataDir, { recursive: true });
  }
});
