import { callScript } from '../shared/lifecycle/scripts.js';
import { type OnAgentLost } from '../shared/protocol/commands.js';
import { partitionKeys } from '../shared/store/keys.js';
import { sampled } from '../testing/extent.js';
import { startStranger, untilOverdue } from './agent-crash.js';
import { startAgentHere } from './agent-here.js';
import { fateOf, submit, undisturbed, violationsIn } from './fate.js';
import { lostAfter } from './fates.js';
import { startServerHere } from './server-here.js';
import { onTrial, type Trial } from './trial.js';

/**
 * A server dies by SIGKILL at every crash point. In `npm test` a submission is sent again to either server in
 * turn, with `TESTS=long` to both.
 */

const killed = { code: null, signal: 'SIGKILL' };
const keys = partitionKeys();
/** For tests that are not about a lease: none lives to see it end. */
const longLease = { LEASE_MS: '600000' };

describe('killed with a submission: its client asks again, with the same Idempotency-Key', () => {
  const points = [
    { point: 'before-submit', stored: 0 },
    { point: 'submit-sent', stored: 1 },
    { point: 'submit-answered', stored: 1 },
  ];
  const cases = ['another server', 'the same server, started again'].flatMap((whom) =>
    points.map((one) => ({ ...one, whom })),
  );

  it.concurrent.each(sampled(cases, 2, 3))(
    'at $point; asks $whom: it is one command',
    ({ point, stored, whom }) =>
      onTrial({ env: longLease }, async (trial) => {
        const { clients, deployment, ledger } = trial;
        const redis = deployment.redis.client();
        const entries = () => redis.xlen(keys.stream('default'));
        // A Redis that has never seen a script must be sent its text: `submit-sent` would be too early.
        const first = await submit(trial);

        const doomed = await deployment.startServer({ args: [`--crash-at=${point}`] });
        const command = { type: 'HTTP_GET_JSON', payload: { url: ledger.url } };
        const options = { idempotencyKey: 'one-and-the-same' };
        expect(await clients.submit(doomed.url, command, options)).toMatchObject({ outcome: 'unknown' });
        expect(await doomed.process.exited).toEqual(killed);
        deployment.servers.splice(0);
        expect(await entries()).toBe(1 + stored);

        const elsewhere = whom === 'another server';
        const { url } = elsewhere ? deployment : await deployment.startServer({ port: doomed.port });
        const again = await clients.submit(url, command, options);
        const onceMore = await clients.submit(url, command, options);
        expect(again).toMatchObject({ outcome: 'accepted', ids: onceMore.ids });
        expect(await entries()).toBe(2);

        await startAgentHere(deployment);
        const [second = ''] = again.ids;
        expect([await fateOf(trial, first), await fateOf(trial, second)]).toEqual([undisturbed, undisturbed]);
        expect(await violationsIn(trial)).toEqual([]);
      }),
  );
});

describe('killed between its write and its answer to an agent: the agent asks another server', () => {
  it.concurrent.each(['command-started', 'report-stored'])('at %s', (point) =>
    onTrial({ env: longLease }, async (trial) => {
      const { deployment } = trial;
      const doomed = await deployment.startServer({ args: [`--crash-at=${point}`] });
      // The agent asks the first server, which dies, until that does not answer.
      await startAgentHere(deployment, { transport: 'http' });
      deployment.servers.splice(0);
      const id = await submit(trial);
      expect(await doomed.process.exited).toEqual(killed);
      expect(await fateOf(trial, id)).toEqual(undisturbed);
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );
});

describe('killed in the middle of recovery, with one of two queues done: another one does the rest', () => {
  // Long enough that a busy machine does not make the pulse below late.
  const leaseMs = 3000;
  const queues = ['left', 'right'];
  const env = { LEASE_MS: String(leaseMs), AGENT_QUEUES: queues.join(','), AGENT_CONCURRENCY: '2' };

  /**
   * Leaves two commands whose agent is dead, whose lease has run out, and which recovery has not seen: no
   * server is there.
   */
  async function leaveTwoOverdue(trial: Trial, onAgentLost: OnAgentLost): Promise<string[]> {
    const { deployment, ledger } = trial;
    const server = await startServerHere(deployment, env);
    const answers = ledger.hold(({ attempt }) => attempt === 1);
    const ids = await Promise.all(queues.map((queue) => submit(trial, { queue, onAgentLost })));
    await ledger.waitForHits(2);
    await server.stop();
    const [agent] = deployment.agents;
    agent?.kill('SIGKILL');
    await agent?.exited;
    for (const queue of queues) await untilOverdue(trial, leaseMs, queue);
    answers.release();
    return ids;
  }

  /** Makes recovery's calls without its work, so that Redis does not take what happens in `body` for an outage. */
  async function withPulse<T>({ deployment }: Trial, body: () => Promise<T>): Promise<T> {
    const redis = deployment.redis.client();
    const beat = () =>
      callScript(redis, 'recover', keys.root, [leaseMs, 1, '', '0-0']).catch(() => undefined);
    const timer = setInterval(() => void beat(), leaseMs / 50);
    try {
      return await body();
    } finally {
      clearInterval(timer);
    }
  }

  const statusesOf = ({ deployment }: Trial, ids: readonly string[]) => {
    const redis = deployment.redis.client();
    return Promise.all(ids.map((id) => redis.hget(keys.command(id), 'status')));
  };

  it.concurrent.each([
    { policy: 'fail', half: ['FAILED', 'RUNNING'], who: 'another server' },
    { policy: 'retry', half: ['PENDING', 'RUNNING'], who: 'an agent' },
  ] as const)('onAgentLost $policy: $who', ({ policy, half, who }) =>
    onTrial({ servers: 0, agents: 1, env }, async (trial) => {
      const { deployment } = trial;
      const ids = await withPulse(trial, async () => {
        const overdue = await leaveTwoOverdue(trial, policy);
        const doomed = await deployment.startServer({ args: ['--crash-at=in-recovery:2'] });
        expect(await doomed.process.exited).toEqual(killed);
        return overdue;
      });
      expect((await statusesOf(trial, ids)).sort()).toEqual(half);

      deployment.servers.splice(0);
      if (who === 'an agent') {
        await startStranger(trial);
        await deployment.settled();
      }
      await startServerHere(deployment, env);
      const wanted = lostAfter([1])[policy];
      expect([await fateOf(trial, ids[0] ?? ''), await fateOf(trial, ids[1] ?? '')]).toEqual([
        wanted,
        wanted,
      ]);
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );
});
