import { type StartedCommand } from '../shared/lifecycle/transitions.js';
import { Executions } from './executions.js';

const command = (entry: string): StartedCommand => ({
  queue: 'default',
  entry,
  id: 'a',
  attempt: 1,
  type: 'DELAY',
  payload: '{}',
  timeoutMs: undefined,
  onAgentLost: 'fail',
});

test('an execution that begins in the end of another one of its attempt stays under way', async () => {
  const executions = new Executions();
  const aborted = new Promise<unknown>((resolve) => {
    executions.add(command('former'), async () => {
      await Promise.resolve();
      // The release of the former delivery gives the postponed one in the same way.
      executions.add(command('present'), async ({ signal }) => {
        await new Promise((settle) => signal.addEventListener('abort', settle));
        resolve(signal.reason);
      });
    });
  });
  await new Promise(setImmediate);
  const reason = new Error('stop');
  expect(executions.abort({ id: 'a', attempt: 1 }, reason)).toBe(true);
  expect(await aborted).toBe(reason);
  await executions.idle();
});
