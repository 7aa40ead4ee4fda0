import { type Report, type ReportWord } from '../../shared/lifecycle/transitions.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { completed } from '../../testing/command-fixtures.js';
import { OutcomeRefused, refusalByScript, reportEvenIfRefused } from './refused-outcomes.js';

const logger = createLogger({ side: 'agent', level: 'silent' });
const report: Report = { id: 'c', agentId: 'a', session: 's', attempt: 1, outcome: completed };
const replyError = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });

it.each<[string, string | undefined]>([
  [
    'ERR user_script:3: argument 11 must be a whole number, but is nan script: f00, on @user_script:3.',
    'argument 11 must be a whole number, but is nan',
  ],
  ['ERR value is not a valid float script: f00, on @user_script:9.', 'value is not a valid float'],
  ['LOADING Redis is loading the dataset in memory', undefined],
  ['READONLY You can’t write against a read only replica. script: f00, on @user_script:9.', undefined],
  ['OOM command not allowed when used memory > maxmemory. script: f00, on @user_script:9.', undefined],
  ['BUSY Redis is busy running a script.', undefined],
  ['ERR max number of clients reached', undefined],
])('distinguishes a refused value from an outage: %s', (message, why) => {
  expect(refusalByScript(replyError(message))).toBe(why);
});

it('a broken connection refuses no value', () => {
  expect(refusalByScript(new Error('Connection is closed.'))).toBeUndefined();
});

it('reports EXECUTION_FAILED in the place of what is refused', async () => {
  const sent: Report[] = [];
  const word = await reportEvenIfRefused(
    report,
    (one) => {
      sent.push(one);
      return sent.length === 1 ? Promise.reject(new OutcomeRefused('too odd')) : Promise.resolve('accepted');
    },
    logger,
  );
  expect(word).toBe('accepted');
  expect(sent[1]).toMatchObject({
    id: 'c',
    session: 's',
    outcome: {
      status: 'FAILED',
      code: 'EXECUTION_FAILED',
      executed: 'yes',
      retryable: false,
      message: expect.stringContaining('too odd') as string,
    },
  });
});

it('what is refused even so waits by itself', async () => {
  const send = (): Promise<ReportWord> => Promise.reject(new OutcomeRefused('never'));
  expect(await reportEvenIfRefused(report, send, logger)).toBe('broken');
});

it('an outage is passed on', async () => {
  const send = (): Promise<ReportWord> => Promise.reject(new Error('away'));
  await expect(reportEvenIfRefused(report, send, logger)).rejects.toThrow('away');
});
