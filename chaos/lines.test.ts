import { type Command, type Redis } from 'ioredis';
import { renew } from '../shared/lifecycle/attempt-leases.js';
import { report, reportAndStart, start } from '../shared/lifecycle/transitions.js';
import { partitionKeys } from '../shared/store/keys.js';
import { asAgent1, completed, failed, reportOf } from '../testing/command-fixtures.js';
import { agentIdAt } from './lines.js';

/** The arguments of what `call` sends. Nothing answers it. */
async function sentBy(call: (redis: Redis) => Promise<unknown>): Promise<string[]> {
  let sent = '';
  const sendCommand = (command: Command) => {
    sent = String(command.toWritable({}));
    return Promise.reject(new Error('nothing answers'));
  };
  await expect(call({ options: {}, sendCommand } as unknown as Redis)).rejects.toThrow('nothing answers');
  // `*n`, then a length and a text for each.
  return sent.split('\r\n').filter((_, i) => i >= 2 && i % 2 === 0);
}

const keys = partitionKeys();

test.each([
  ['start', (redis: Redis) => start(redis, keys, asAgent1)],
  ['renew', (redis: Redis) => renew(redis, keys, 'agent-1', 'i1.1', [{ id: 'a', attempt: 1 }])],
  ['report', (redis: Redis) => report(redis, keys, [reportOf(completed), reportOf(failed)])],
  ['report_and_start', (redis: Redis) => reportAndStart(redis, keys, [reportOf(failed)], asAgent1)],
  ['report_and_start', (redis: Redis) => reportAndStart(redis, keys, [], asAgent1)],
] as const)('a fault finds the agent in a call of %s', async (script, call) => {
  const args = await sentBy(call);
  expect(args[agentIdAt[script] ?? -1]).toBe('agent-1');
});
