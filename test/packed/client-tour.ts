import { createClient, RequestRejectedError } from 'fencepost/client';

const client = createClient({ url: process.env.SERVER_URL ?? 'http://127.0.0.1:3000' });

async function main(): Promise<void> {
  // One command, however often this is sent: the key is yours, and an answer that was lost is found again.
  const order = { type: 'DELAY', payload: { ms: 10 } };
  const { commandId, created } = await client.submit(order, { idempotencyKey: 'order-4712' });
  const again = await client.submit(order, { idempotencyKey: 'order-4712' });
  console.log(created, again.created, again.commandId === commandId);

  // Until it has ended, through restarts of servers and of Redis.
  const { status } = await client.wait(commandId, { timeoutMs: 60_000 });
  console.log(status);

  // Many at once, all of them or none.
  const { commandIds } = await client.submitBatch([order, order, order]);
  await Promise.all(commandIds.map((id) => client.wait(id)));

  // The loop fetches as many pages as it needs.
  let completed = 0;
  for await (const command of client.list({ status: 'COMPLETED', type: 'DELAY' })) {
    if (command.error === null) completed++;
  }
  console.log(completed);

  // Events as they happen; leaving the loop closes the stream.
  const { commandId: watched } = await client.submit({ ...order, delayMs: 200 });
  for await (const event of client.events({ commandId: watched })) {
    if (event.kind === 'resync') console.log('something may be missing: read again');
    else if (event.status === 'COMPLETED') break;
  }

  // A refused request reports why, and is not sent again.
  try {
    await client.submit({ type: 'DELAY', payload: { ms: 'soon' } });
  } catch (error) {
    if (!(error instanceof RequestRejectedError)) throw error;
    console.log(error.status, error.code, error.message);
  }
  await client.close();
}

void main();
