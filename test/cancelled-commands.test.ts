import { partitionKeys } from '../shared/store/keys.js';
import { byExtent } from '../testing/extent.js';
import { startAgentHere } from './agent-here.js';
import { type Fate, fateOf, fateOfAnother, undisturbed, violationsIn } from './fate.js';
import { atWork, handlers, post } from './operations.js';
import { onTrial, processesOf, testsOver } from './trial.js';

/** The fate of commands that an operator cancels, and of those that the operator then retries after all. */

const keys = partitionKeys();

/** No test waits for this lease: the ends in these tests are noticed by other means than a lease renewal. */
const endlessLease = { LEASE_MS: '600000' };

const cancelled: Fate = { ...undisturbed, status: 'FAILED', code: 'CANCELLED', executed: 'yes' };

const requested = (commandId: string) => ({ status: 202, body: { commandId, state: 'requested' } });

describe.each(['redis', 'http'] as const)('with an agent over %s', (transport) => {
  const it = testsOver(transport);

  it('http', 'the signal of what runs fires long before its lease is renewed', () =>
    onTrial({ agents: 1, transport, env: { ...handlers('steady'), ...endlessLease } }, async (trial) => {
      const before = processesOf(trial);
      const id = await atWork(trial, 'STEADY');
      expect(await post(trial, `/commands/${id}/cancel`)).toEqual(requested(id));
      expect(await fateOf(trial, id)).toEqual(cancelled);
      // The lease, and so the renewal, is minutes away: the command has ended by the hint alone.
      expect(await fateOfAnother(trial)).toEqual(undisturbed);
      expect(processesOf(trial)).toEqual(before);
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );

  it('redis', 'a handler that ignores its signal ends with its process, which says so when it is back', () =>
    onTrial(
      { agents: 1, transport, env: { ...handlers('deaf'), ...endlessLease, GRACE_MS: '300' } },
      async (trial) => {
        const id = await atWork(trial, 'DEAF');
        await post(trial, `/commands/${id}/cancel`);
        expect(await trial.deployment.agents[0]?.exited).toEqual({ code: 1, signal: null });
        await startAgentHere(trial.deployment, { transport });
        expect(await fateOf(trial, id)).toEqual(cancelled);
        expect(await fateOfAnother(trial)).toEqual(undisturbed);
        expect(await violationsIn(trial)).toEqual([]);
      },
    ),
  );
});

it.concurrent('a hint that was lost is made up for by a renewal', () =>
  onTrial({ agents: 1, env: { ...handlers('steady'), LEASE_MS: '3000' } }, async (trial) => {
    const id = await atWork(trial, 'STEADY');
    // Sets what the script sets, without the message.
    await trial.deployment.redis.client().hset(keys.command(id), 'cancelRequestedAt', Date.now());
    expect(await fateOf(trial, id)).toEqual(cancelled);
  }));

const many = byExtent(1000, 100);
it.concurrent(`a cancel of ${many} that wait, and a retry of them, in steps`, () =>
  onTrial({ env: endlessLease }, async (trial) => {
    const { clients, deployment, ledger } = trial;
    const commands = Array.from({ length: many }, () => ({
      type: 'HTTP_GET_JSON',
      payload: { url: ledger.url },
    }));
    const { ids } = await clients.submitBatch(deployment.url, commands);
    const walk = async (path: string, count: string) => {
      let [sum, steps, cursor] = [0, 0, ''];
      for (let goOn = true; goOn; steps++) {
        const { body } = await post(trial, `${path}&limit=${many / 5}${cursor}`);
        const answer = body as Record<string, number> & { nextCursor: string | null };
        sum += answer[count] ?? 0;
        goOn = answer.nextCursor !== null;
        cursor = `&cursor=${answer.nextCursor}`;
      }
      return { sum, steps };
    };
    expect(await walk('/commands/cancel?status=PENDING', 'cancelled')).toEqual({ sum: many, steps: 5 });
    expect(await fateOf(trial, ids[0] ?? '')).toMatchObject({ code: 'CANCELLED', executed: 'no' });
    expect(await walk('/commands/retry?status=FAILED&code=CANCELLED', 'retried')).toEqual({
      sum: many,
      steps: 5,
    });
    await startAgentHere(deployment, { concurrency: 20 });
    await deployment.settled();
    const { violations, counts } = await deployment.judge({ clients, ledger, faults: 'none' });
    expect(violations).toEqual([]);
    expect(counts).toMatchObject({ completed: many, effects: many });
  }));
