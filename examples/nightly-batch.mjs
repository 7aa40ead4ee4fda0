// A nightly batch of HTTP calls: submitted in batches with a key per command, watched, failures found, and only those retried.
// Started again after a crash, it submits nothing twice.
//
//   COUNT=20000 node examples/nightly-batch.mjs  beside a running `npm start`
import { createClient } from 'fencepost/client';

const url = process.env.SERVER_URL ?? 'http://127.0.0.1:3000';
const target = process.env.TARGET_URL ?? `${url}/health`;
const count = Number(process.env.COUNT ?? 200);
const night = process.env.NIGHT ?? new Date().toISOString().slice(0, 10);
const client = createClient({ url, retryForMs: 5000 });

// A key per command: whatever was stored by an earlier run of this program is found again, not doubled.
const commands = Array.from({ length: count }, (_, i) => ({
  type: 'HTTP_GET_JSON',
  // One in fifty is wrong, so that there is something to retry: nothing listens there.
  payload: { url: i % 50 === 7 ? 'http://127.0.0.1:9/' : `${target}?row=${i}`, retryOnStatus: [429, 503] },
  maxAttempts: 1,
  idempotencyKey: `nightly-${night}-${i}`,
}));
const ids = [];
for (let i = 0; i < count; i += 1000) {
  const { commandIds } = await client.submitBatch(commands.slice(i, i + 1000));
  ids.push(...commandIds);
}
console.log(`${new Set(ids).size} commands`);

const ended = await Promise.all(ids.map((id) => client.wait(id)));
const failed = ended.filter(({ status }) => status === 'FAILED');
console.log(`${ended.length - failed.length} completed, ${failed.length} failed`);

// Only what failed, and only where that is safe: `executed: "unknown"` is for a person to decide.
const safe = failed.filter(({ error }) => error.executed !== 'unknown');
for (const { commandId, finishedAt } of safe) await client.retry(commandId, { finishedAt });
const retried = await Promise.all(safe.map(({ commandId }) => client.wait(commandId)));
console.log(
  `${retried.length} retried, ${retried.filter(({ status }) => status === 'FAILED').length} failed again`,
);

// Prints lines of JSON, for the next program to read.
for (const { commandId, payload, error } of retried.filter(({ status }) => status === 'FAILED').slice(0, 1)) {
  console.log(JSON.stringify({ commandId, url: payload.url, code: error.code }));
}
await client.close();
