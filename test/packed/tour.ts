import { createAgent, createClient, createServer, defineCommand } from 'fencepost';
import { z } from 'zod';

// A type of command: what goes in, what comes out, and what is done.
const greet = defineCommand({
  type: 'GREET',
  payload: z.object({ name: z.string().min(1) }),
  result: z.object({ text: z.string() }),
  execute: ({ payload, attempt, log }) => {
    log.info('greeting');
    return Promise.resolve({ text: `Hello, ${payload.name}! This is attempt ${attempt}.` });
  },
});

const redisUrl = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
const dataDir = process.env.DATA_DIR ?? './data';

async function main(): Promise<void> {
  const server = createServer({ redisUrl, port: 0 });
  await server.start();
  const agent = createAgent({ redisUrl, dataDir, commands: [greet], concurrency: 10 });
  await agent.start();

  const client = createClient({ url: server.url });
  const { commandId } = await client.submit({ type: 'GREET', payload: { name: 'Ada' } });
  const { status, result } = await client.wait(commandId);
  console.log(status, result);

  await client.close();
  await agent.stop();
  await server.stop();
}

void main();
