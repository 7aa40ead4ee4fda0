import { createClient, RequestRejectedError } from 'fencepost/client';

const url = process.env.SERVER_URL ?? 'http://localhost:3000';
const client = createClient({ url });

async function main(): Promise<void> {
  const { commandId } = await client.submit({ type: 'DELAY', payload: { ms: 1500 } });
  const { status, attempt } = await client.wait(commandId);
  console.log(status, attempt); // COMPLETED 1

  const order = { type: 'HTTP_GET_JSON', payload: { url: `${url}/health` } };
  const first = await client.submit(order, { idempotencyKey: 'order-4711' });
  const again = await client.submit(order, { idempotencyKey: 'order-4711' });
  console.log(first.commandId === again.commandId, again.created); // true false

  await client.submit({ type: 'DELAY', payload: { ms: -1 } }).catch((error: unknown) => {
    if (error instanceof RequestRejectedError) console.log(error.code, error.message);
  }); // invalid_request payload.ms must be a whole number from 0 to 86400000

  const { counts } = await client.stats();
  const agents = await client.agents();
  console.log(counts.FAILED, agents[0]?.state); // 0 live
  await client.close();
}

void main();
