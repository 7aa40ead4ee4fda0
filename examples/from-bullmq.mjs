// A BullMQ program rewritten for Fencepost: a queue and a worker for e-mails, with delay, attempts and progress.
// docs/how-to/move-from-bullmq.md has the BullMQ program beside it.
//
//   node examples/from-bullmq.mjs                beside a running `npm start`
import { createAgent, createClient, defineCommand } from 'fencepost';
import { z } from 'zod';

const serverUrl = process.env.SERVER_URL ?? 'http://127.0.0.1:3000';
const client = createClient({ url: serverUrl, retryForMs: 5000 });
// An agent waits for a server for as long as it takes; this program rather says that there is none.
await client.ready();

/** Stands in for a mail server. */
const send = ({ to }, id) => Promise.resolve(`${id}@${to.split('@')[1]}`);

// new Worker('mail', processor, { concurrency: 10 })
const sendMail = defineCommand({
  type: 'SEND_MAIL',
  payload: z.strictObject({ to: z.email(), subject: z.string() }),
  result: z.strictObject({ messageId: z.string() }),
  async execute({ payload, commandId, progress }) {
    progress(50);
    // The command's id as the message's: a mail server that knows it drops a repeat.
    return { messageId: await send(payload, commandId) };
  },
});
const agent = createAgent({
  serverUrl,
  commands: [sendMail],
  queues: ['mail'],
  concurrency: 10,
  dataDir: process.env.DATA_DIR ?? './data/from-bullmq',
});
await agent.start();

// new Queue('mail').add('welcome', data, { jobId, delay, attempts })
const { commandId } = await client.submit(
  {
    type: 'SEND_MAIL',
    queue: 'mail',
    payload: { to: 'ada@example.com', subject: 'Welcome' },
    delayMs: 200,
    maxAttempts: 3,
    // BullMQ's behaviour when a worker stalls. Left out, the command would not be executed a second time.
    onAgentLost: 'retry',
  },
  { idempotencyKey: `welcome-${process.env.ORDER ?? Date.now()}` },
);

// job.waitUntilFinished(queueEvents)
const { status, result } = await client.wait(commandId);
console.log(status, result.messageId === `${commandId}@example.com`);

await client.close();
await agent.stop();
