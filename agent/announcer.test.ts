import { createLogger } from '../shared/runtime/logger.js';
import { Announcer } from './announcer.js';

const logger = createLogger({ side: 'agent', level: 'silent' });
const types = [{ type: 'ECHO', payload: {}, result: {}, onAgentLost: 'fail', defaultTimeoutMs: 1 }] as const;

/** Announces to a Redis that refuses `refusals` times. @returns what it was asked, once there were four calls */
async function callsAfter(refusals: number): Promise<string[]> {
  const calls: string[] = [];
  let fourth: () => void;
  const done = new Promise<void>((resolve) => (fourth = resolve));
  const announce = (_: unknown, which: 'all' | 'missing') => {
    calls.push(which);
    if (calls.length === 4) fourth();
    return calls.length <= refusals ? Promise.reject(new Error('OOM')) : Promise.resolve();
  };
  const announcer = new Announcer({ transport: { announce }, types, intervalMs: 1, logger });
  await announcer.start();
  await done;
  await announcer.stop();
  return calls.slice(0, 4);
}

it('announces all at its start, then only what somebody deleted', async () => {
  expect(await callsAfter(0)).toEqual(['all', 'missing', 'missing', 'missing']);
});

it('lets its agent work while Redis refuses, and announces all as soon as it may', async () => {
  expect(await callsAfter(2)).toEqual(['all', 'all', 'all', 'missing']);
});
