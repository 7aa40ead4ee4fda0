// Submits a command twice with one key, as a client does whose first answer was lost, and waits for it.
//
//   node examples/submit-and-wait.mjs            beside a running `npm start`
import { createClient } from 'fencepost/client';

const client = createClient({ url: process.env.SERVER_URL ?? 'http://127.0.0.1:3000', retryForMs: 5000 });
const order = { type: 'DELAY', payload: { ms: 100 } };
const idempotencyKey = `order-${process.env.ORDER ?? Date.now()}`;

const first = await client.submit(order, { idempotencyKey });
const again = await client.submit(order, { idempotencyKey });
console.log(again.commandId === first.commandId ? 'one command' : 'two commands');

const { status, result, attempt } = await client.wait(first.commandId);
console.log(status, result.ok, `attempt ${attempt}`);
await client.close();
