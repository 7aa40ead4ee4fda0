import { group, partitionKeys } from '../shared/store/keys.js';
import { startAgentHere } from './agent-here.js';
import { onTrial, type Trial, until } from './trial.js';

/** An Idempotency-Key that is used again after its command was deleted: another command with the same id. */

it.concurrent.each(['redis', 'http'] as const)('is executed again, by the same agent over %s', (transport) =>
  onTrial({ env: { RETENTION_MS: '10000', LEASE_MS: '600000' } }, async ({ deployment, ledger }) => {
    await startAgentHere(deployment, { transport });
    const { client } = deployment;
    const submission = { type: 'HTTP_GET_JSON', payload: { url: ledger.url } };
    const submit = () => client.submit(submission, { idempotencyKey: 'every-day' });

    const { commandId } = await submit();
    await client.wait(commandId);
    const redis = deployment.redis.client();
    await until(async () => (await redis.exists(partitionKeys().command(commandId))) === 0);
    await expect(client.get(commandId)).rejects.toMatchObject({ status: 404 });
    expect(await submit()).toEqual({ commandId, created: true });
    expect(await client.wait(commandId)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
    expect(ledger.hitsOf(commandId)).toHaveLength(2);
  }),
);

/**
 * Deletes a command while it is executed, and submits it anew with its key; resolves when the same session has
 * that too.
 */
async function submitAnew({ deployment, ledger }: Trial): Promise<string> {
  const { client } = deployment;
  const submission = { type: 'HTTP_GET_JSON', payload: { url: ledger.url } };
  const submit = () => client.submit(submission, { idempotencyKey: 'every-day' });
  const { commandId } = await submit();
  await ledger.waitForHits(1, commandId);
  const keys = partitionKeys();
  const redis = deployment.redis.client();
  const entry = (await redis.hget(keys.command(commandId), 'entry')) ?? '';
  const stream = keys.stream('default');
  await redis.del(keys.command(commandId), keys.marker(commandId));
  await redis.xack(stream, group, entry);
  await redis.xdel(stream, entry);

  expect(await submit()).toEqual({ commandId, created: true });
  await until(async () => (await client.get(commandId)).status === 'RUNNING');
  return commandId;
}

const env = { LEASE_MS: '600000' };

it.concurrent.each(['redis', 'http'] as const)(
  'takes no outcome of the command that it had before, which the same session over %s was executing as attempt 1 too',
  (transport) =>
    onTrial({ env }, async (trial) => {
      const { deployment, ledger } = trial;
      const [first, second] = [1, 2].map((life) => ledger.hold(({ order }) => order === life));
      await startAgentHere(deployment, { transport, concurrency: 2 });
      const { client } = deployment;
      const commandId = await submitAnew(trial);
      // One agent executes no two attempts of one number at once: the new one waits in it for the end of the former.
      first?.release();
      await second?.first;
      const before = await client.get(commandId);
      expect(before).toMatchObject({
        status: 'RUNNING',
        attempt: 1,
        history: [{ reason: 'late', attempt: 1 }],
      });
      second?.release();
      const after = await client.wait(commandId);
      expect(after).toMatchObject({ status: 'COMPLETED', attempt: 1, history: before.history });
      expect(ledger.hitsOf(commandId)).toHaveLength(2);
    }),
);

// Over HTTP the commands of a last poll are released. At Redis they are left to the lost-agent policy.
it.concurrent.each([
  ['redis', 'RUNNING'],
  ['http', 'PENDING'],
] as const)('is not begun by an agent over %s that stops, and is left %s', (transport, status) =>
  onTrial({ env }, async (trial) => {
    const { deployment, ledger } = trial;
    const first = ledger.hold();
    const agent = await startAgentHere(deployment, { transport, concurrency: 2 });
    const commandId = await submitAnew(trial);
    const stopped = agent.stop();
    first.release();
    await stopped;
    expect(ledger.hitsOf(commandId)).toHaveLength(1);
    expect(await deployment.client.get(commandId)).toMatchObject({ status, attempt: 1 });
  }),
);
