import { start, submit } from '../../../shared/lifecycle/transitions.js';
import { agentKey, agentsKey, partitionKeys } from '../../../shared/store/keys.js';
import { asAgent1, newCommand } from '../../../testing/command-fixtures.js';
import { TestRedis } from '../../../testing/redis-server.js';
import { Snapshot } from '../snapshot.js';
import { unservedQueues } from './unserved-queues.js';

let redis: TestRedis;
beforeAll(async () => {
  redis = await TestRedis.start();
});
afterAll(() => redis.stop());

test('a type that no agent knows is found in its lane, and counted with its queue', async () => {
  const [client, keys] = [redis.client(), partitionKeys()];
  const options = { notAfter: Number.MAX_SAFE_INTEGER, maxBacklog: 10 };
  const commands = ['a', 'b'].map((id) => newCommand(id, { type: 'ODD' }));
  const run = () => {
    const ask = () => Promise.reject(new Error('there is no server'));
    return unservedQueues.run(new Snapshot({ redis: client, redisCli: '', keys, serverUrl: '', ask }));
  };
  const serve = async (agentId: string, types: string) => {
    const served = { instance: agentId, queues: 'default', types, leaseMs: '3600000' };
    await client.sadd(agentsKey, agentId);
    await client.hset(agentKey(agentId), { ...served, lastSeen: String(Date.now()) });
  };

  await submit(client, keys, commands, options);
  await serve('agent-1', 'DELAY');
  await start(client, keys, { ...asAgent1, types: ['DELAY'] });
  expect(await client.xlen(keys.stream('default/ODD'))).toBe(2);
  expect(await run()).toMatchObject({
    detail: '2 waiting in one queue',
    findings: [
      {
        problem:
          'commands of type ODD wait in the queue default, and no agent that serves it knows that type',
      },
    ],
  });
  await serve('agent-2', 'ODD');
  expect(await run()).toMatchObject({ detail: '2 waiting in one queue', findings: [] });
});
