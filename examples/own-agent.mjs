// An agent in a program of one's own, with a command type of its own. It reaches Fencepost over HTTP, so it needs no Redis.
//
//   node examples/own-agent.mjs                  beside a running `npm start`
import { createAgent, createClient, defineCommand } from 'fencepost';
import { z } from 'zod';

const serverUrl = process.env.SERVER_URL ?? 'http://127.0.0.1:3000';
const client = createClient({ url: serverUrl, retryForMs: 5000 });
// An agent waits for a server for as long as it takes; this program rather says that there is none.
await client.ready();

const countWords = defineCommand({
  type: 'COUNT_WORDS',
  payload: z.strictObject({ text: z.string().max(10_000) }),
  result: z.strictObject({ words: z.int() }),
  execute({ payload, progress }) {
    progress('counting');
    return Promise.resolve({ words: payload.text.split(/\s+/).filter(Boolean).length });
  },
});

const agent = createAgent({
  serverUrl,
  commands: [countWords],
  dataDir: process.env.DATA_DIR ?? './data/own-agent',
});
await agent.start();

const { commandId } = await client.submit({
  type: 'COUNT_WORDS',
  payload: { text: 'executed once, whatever crashes' },
});
const { status, result } = await client.wait(commandId);
console.log(status, result);

await client.close();
await agent.stop();
