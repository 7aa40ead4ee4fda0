// An effect that happens exactly once. The command may be executed again (`maxAttempts`, `onAgentLost: "retry"`), and
// the target recognises a repeat by the command's id: at least once, on a target that deduplicates, is exactly once.
//
// The first attempt charges the card and then fails before it can report that, the case that a retry alone gets wrong.
//
//   node examples/exactly-once.mjs               beside a running `npm start`
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createAgent, createClient, defineCommand, ExecutionError } from 'fencepost';
import { z } from 'zod';

// The target: a payment provider that keeps the answer of each Idempotency-Key.
const charges = new Map();
let requests = 0;
const provider = createServer((request, response) => {
  requests++;
  const key = request.headers['idempotency-key'];
  if (!charges.has(key)) charges.set(key, { chargeId: `ch_${charges.size + 1}` });
  response.end(JSON.stringify(charges.get(key)));
}).listen(0, '127.0.0.1');
await once(provider, 'listening');
const providerUrl = `http://127.0.0.1:${provider.address().port}/charges`;

const charge = defineCommand({
  type: 'CHARGE',
  payload: z.strictObject({ cents: z.int().positive() }),
  result: z.strictObject({ chargeId: z.string() }),
  onAgentLost: 'retry',
  async execute({ payload, commandId, attempt, signal }) {
    const response = await fetch(providerUrl, {
      method: 'POST',
      // The same for every attempt of this command, and for no other command.
      headers: { 'idempotency-key': commandId },
      body: JSON.stringify(payload),
      signal,
    });
    const answer = await response.json();
    if (attempt === 1)
      throw new ExecutionError('the connection broke before the answer was read', { retryable: true });
    return answer;
  },
});

const serverUrl = process.env.SERVER_URL ?? 'http://127.0.0.1:3000';
const client = createClient({ url: serverUrl, retryForMs: 5000 });
// An agent waits for a server for as long as it takes; this program rather says that there is none.
await client.ready();
const agent = createAgent({
  serverUrl,
  commands: [charge],
  dataDir: process.env.DATA_DIR ?? './data/exactly-once',
});
await agent.start();
const { commandId } = await client.submit({ type: 'CHARGE', payload: { cents: 1999 }, maxAttempts: 5 });
const { status, result, attempt } = await client.wait(commandId);
console.log(status, result, `after ${attempt} attempts: ${requests} requests, ${charges.size} charge`);

await client.close();
await agent.stop();
provider.close();
