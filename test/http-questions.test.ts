import { join } from 'node:path';
import { pause } from '../shared/runtime/service.js';
import { byExtent, isLong } from '../testing/extent.js';
import { startAgentHere } from './agent-here.js';
import { fateOf, submit, undisturbed, violationsIn } from './fate.js';
import { lostAfter } from './fates.js';
import { onTrial } from './trial.js';

/**
 * Questions that users ask about agents over HTTP, answered by real processes.
 * docs/how-to/run-agents-without-redis.md links each answer to its test.
 */

const overHttp = { transport: 'http' } as const;
/** No test lives to see this lease run out: nothing here waits for one. */
const longLease = { LEASE_MS: '600000' };

/** Agents with a process of their own, beside two in the test's. */
const apart = byExtent(2, 0);
it('several agents at once: they share the work, and each command is one agent’s', () =>
  onTrial({ ...overHttp, agents: apart, env: longLease, answerAfterMs: 20 }, async (trial) => {
    await startAgentHere(trial.deployment, overHttp);
    await startAgentHere(trial.deployment, overHttp);
    const ids = await Promise.all(Array.from({ length: 60 }, () => submit(trial)));
    await trial.deployment.settled(60);
    const views = await Promise.all(ids.map((id) => trial.deployment.client.get(id)));
    expect(new Set(views.map(({ agentId }) => agentId)).size).toBe(apart + 2);
    expect(trial.ledger.hits()).toHaveLength(60);
    expect(await violationsIn(trial)).toEqual([]);
  }));

it('an agent that restarts quickly: what it had is settled at once, and it goes on under its name', () =>
  onTrial({ ...overHttp, agents: 1, env: longLease }, async (trial) => {
    const { deployment, ledger } = trial;
    const answer = ledger.hold(({ attempt }) => attempt === 1);
    const id = await submit(trial, { onAgentLost: 'retry' });
    await answer.first;
    const before = (await deployment.client.agents())[0]?.session ?? '';
    const [agent] = deployment.agents;
    agent?.kill('SIGKILL');
    await agent?.exited;
    await startAgentHere(deployment, overHttp);
    expect(await fateOf(trial, id)).toEqual(lostAfter([1]).retry);
    const agents = await deployment.client.agents();
    expect(agents).toMatchObject([
      { state: 'live', session: expect.not.stringMatching(`^${before}$`) as string },
    ]);
    expect(await violationsIn(trial)).toEqual([]);
  }));

it('an agent that asks for the next command while one is running: is given it again, or has a slot for another', () =>
  onTrial({ env: longLease }, async (trial) => {
    const ids = [await submit(trial), await submit(trial)];
    const ask = (more: string) => trial.deployment.get(`/commands/next?agentId=a&session=s${more}`);
    const first = await ask('');
    expect(first).toMatchObject({ commandId: ids[0], attempt: 1 });
    // The agent cannot have got the answer, since it does not list the command.
    expect(await ask('')).toMatchObject({ commandId: ids[0], attempt: 1 });
    const second = await ask(`&concurrency=2&holding=${ids[0]}:1`);
    expect(second).toMatchObject({ commandId: ids[1], attempt: 1 });
  }));

it('an agent that was idle for longer than its lease: the lease of a command begins with the command', () =>
  onTrial({ ...overHttp, env: { LEASE_MS: '1500' }, answerAfterMs: 500 }, async (trial) => {
    await startAgentHere(trial.deployment, { ...overHttp, leaseMs: 1500 });
    // The agent's poll is held all the time.
    await pause(2500);
    expect(await fateOf(trial, await submit(trial, { onAgentLost: 'retry' }))).toEqual(undisturbed);
    expect(await violationsIn(trial)).toEqual([]);
  }));

it('two agents with one name: the second names the one that holds it, and ends', () =>
  onTrial({ ...overHttp, env: { LEASE_MS: '1500', AGENT_ID: 'the-one' } }, async (trial) => {
    const first = await trial.deployment.startAgent();
    const elsewhere = { DATA_DIR: join(trial.deployment.dataDir, 'elsewhere') };
    const second = await trial.deployment.startAgent({ env: elsewhere, dontWait: true });
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.output).toContain(`another agent holds this name: pid ${first.pid}`);
    expect(await fateOf(trial, await submit(trial))).toEqual(undisturbed);
  }));

it('two servers: any will do, also when the one that was asked first is gone', () =>
  onTrial({ ...overHttp, servers: 2, env: longLease }, async (trial) => {
    const { deployment } = trial;
    await startAgentHere(deployment, overHttp);
    /** The next one in the list is asked first from then on. */
    const loseFirst = async () => {
      const [server] = deployment.servers.splice(0, 1);
      server?.process.kill('SIGKILL');
      await server?.process.exited;
      return server;
    };
    expect(await fateOf(trial, await submit(trial))).toEqual(undisturbed);
    const lost = await loseFirst();
    expect(await fateOf(trial, await submit(trial))).toEqual(undisturbed);
    if (isLong) {
      await deployment.startServer({ port: lost?.port });
      expect(await fateOf(trial, await submit(trial))).toEqual(undisturbed);
      await loseFirst();
      expect(await fateOf(trial, await submit(trial))).toEqual(undisturbed);
    }
    expect(await violationsIn(trial)).toEqual([]);
  }));
