import { createAgent, defineCommand } from 'fencepost';
import { pino } from 'pino';
import { z } from 'zod';

// An agent whose command blocks the event loop, and with it its host, without keeping a processor busy.
const never = new Int32Array(new SharedArrayBuffer(4));
const block = defineCommand({
  type: 'BLOCK',
  payload: z.object({ ms: z.number() }),
  result: z.object({ ended: z.boolean() }),
  execute: ({ payload, log }) => {
    log.info('blocking');
    Atomics.wait(never, 0, 0, payload.ms);
    return Promise.resolve({ ended: true });
  },
});

const agent = createAgent({
  redisUrl: process.env.REDIS_URL,
  dataDir: process.env.DATA_DIR,
  commands: [block],
  graceMs: 100,
  allowProcessKill: process.env.MAY_KILL === 'true',
  logger: pino(pino.destination({ sync: true })),
});

async function main(): Promise<void> {
  await agent.start();
  console.log('at work');
  process.once('SIGTERM', () => void agent.stop());
}

void main();
