import { partitionKeys } from '../shared/store/keys.js';
import { startAgentHere } from './agent-here.js';
import { onTrial, until } from './trial.js';

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
    expect(await submit()).toEqual({ commandId, isNew: true });
    expect(await client.wait(commandId)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
    expect(ledger.hitsOf(commandId)).toHaveLength(2);
  }),
);
