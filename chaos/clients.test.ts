import { ClientLog, type Post } from '../testing/client-log.js';
import { Clients, type ClientsOptions } from './clients.js';
import { Dice } from './dice.js';

/** How long clients send a submission again: a key is known only as long as its command is kept. */

const unknown: Post = { begin: 1, end: 2, idempotencyKey: null, count: 1, outcome: 'unknown', ids: [] };

/**
 * Runs one client, whose submissions get no answer the first times. @returns the keys that it sent, in order,
 * until `over`
 */
async function keysSent(retentionMs: number, over: (keys: readonly string[]) => boolean): Promise<string[]> {
  const keys: string[] = [];
  const log = new ClientLog();
  let end: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  jest.spyOn(log, 'submit').mockImplementation((_url, _submission, { idempotencyKey = '' } = {}) => {
    keys.push(idempotencyKey);
    if (over(keys)) end();
    return Promise.resolve(unknown);
  });
  jest.spyOn(log, 'submitBatch').mockResolvedValue(unknown);
  const watch = { accepted: () => undefined, sawAccepted: () => undefined };
  const clients = new Clients({
    servers: [{ url: 'http://127.0.0.1:1', requests: new Set(), noteBroken: () => undefined }],
    load: { ledgerUrl: 'http://127.0.0.1:1', hasOwnType: true },
    log,
    watch: watch as unknown as ClientsOptions['watch'],
    retentionMs,
    diceOf: (client, what) => new Dice(1, what, client),
    count: 1,
  });
  clients.start();
  await ended;
  await clients.finish(0);
  return keys;
}

test('a submission without an answer is sent again with its key', async () => {
  const keys = await keysSent(3_600_000, ({ length }) => length === 3);
  expect(new Set(keys.slice(0, 3)).size).toBe(1);
});

test('and no more once its command may have ended and been pruned: it would be a new one', async () => {
  const keys = await keysSent(0, (sent) => new Set(sent).size === 5);
  expect(new Set(keys).size).toBe(keys.length);
});
