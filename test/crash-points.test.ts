import { onAgentLostSchema } from '../shared/protocol/commands.js';
import { agentPoints } from '../shared/runtime/faults.js';
import { sampled } from '../testing/extent.js';
import { endLeases, startStrangerHere, strike, strikeAtFlag, strikeInTurn } from './agent-crash.js';
import { startAgentHere } from './agent-here.js';
import { fateOf, fateOfAnother, undisturbed, violationsIn } from './fate.js';
import { fates, fatesOverHttp, lostAfter } from './fates.js';
import { onTrial } from './trial.js';

/**
 * An agent dies by SIGKILL at every crash point, under both policies; `fates.ts` defines what must become of
 * its command. In `npm test` each case is in at most one of the four tables, with `TESTS=long` in all.
 */

const policies = onAgentLostSchema.options;
const cases = agentPoints.flatMap((point) => policies.map((policy) => ({ point, policy })));

// No test lives to see this lease run out: it ends where a test ends it in Redis.
const leaseMs = 600_000;
const env = { LEASE_MS: String(leaseMs) };

describe('killed, and started again on its data directory', () => {
  it.concurrent.each(sampled(cases, 0, 8))('at $point, onAgentLost $policy', ({ point, policy }) =>
    onTrial({ env }, async (trial) => {
      const { id } = await strike(trial, point, 'SIGKILL', policy);
      await startAgentHere(trial.deployment);
      expect(await fateOf(trial, id)).toEqual(fates[point].restarted[policy]);
      expect(await fateOfAnother(trial)).toEqual(undisturbed);
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );
});

// One round trip, two scripts: Redis has carried out both, or will.
describe('killed in the call that reports one command and starts the next', () => {
  const turns = (['start-sent:2', 'report-sent:1', 'start-won:2'] as const).flatMap((point) =>
    policies.map((policy) => ({ point, policy })),
  );

  it.concurrent.each(sampled(turns, 0, 5))('at $point, onAgentLost $policy', ({ point, policy }) =>
    onTrial({ env }, async (trial) => {
      const [reported, started] = await strikeInTurn(trial, point, policy);
      await startAgentHere(trial.deployment);
      expect(await fateOf(trial, reported)).toEqual(undisturbed);
      expect(await fateOf(trial, started)).toEqual(lostAfter([])[policy]);
      expect(await fateOfAnother(trial)).toEqual(undisturbed);
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );
});

describe('killed for good: another agent does the rest', () => {
  it.concurrent.each(sampled(cases, 2, 8))('at $point, onAgentLost $policy', ({ point, policy }) =>
    onTrial({ env }, async (trial) => {
      const { id } = await strike(trial, point, 'SIGKILL', policy);
      await endLeases(trial.deployment.redis.client(), leaseMs);
      await startStrangerHere(trial);
      expect(await fateOf(trial, id)).toEqual(fates[point].gone[policy]);
      expect(await fateOfAnother(trial)).toEqual(undisturbed);
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );
});

describe('killed, given up, and back after all', () => {
  it.concurrent.each(sampled(policies))(
    'its journalled outcome is refused and kept, onAgentLost %s',
    (policy) =>
      onTrial({ env }, async (trial) => {
        const { id } = await strike(trial, 'journalled', 'SIGKILL', policy);
        await endLeases(trial.deployment.redis.client(), leaseMs);
        await startStrangerHere(trial);
        const { history, ...rest } = fates.journalled.gone[policy];
        expect(await fateOf(trial, id)).toEqual({ ...rest, history });
        await startAgentHere(trial.deployment);
        expect(await fateOf(trial, id)).toEqual({ ...rest, history: ['late 1 COMPLETED', ...history] });
        expect(await violationsIn(trial)).toEqual([]);
      }),
  );
});

/** Over HTTP only a server reads entries. */
const overHttp = (from: number) =>
  sampled(cases, from, 8).flatMap(({ point, policy }) => (point === 'entry-read' ? [] : [{ point, policy }]));

describe('over HTTP: killed, and started again on its data directory', () => {
  it.concurrent.each(overHttp(4))('at $point, onAgentLost $policy', ({ point, policy }) =>
    onTrial({ transport: 'http', env }, async (trial) => {
      const { id } = await strike(trial, point, 'SIGKILL', policy);
      await startAgentHere(trial.deployment, { transport: 'http' });
      const allowed = fatesOverHttp[point].map(({ restarted }) => restarted[policy]);
      expect(allowed).toContainEqual(await fateOf(trial, id));
      expect(await fateOfAnother(trial)).toEqual(undisturbed);
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );
});

describe('over HTTP: killed for good: another agent does the rest', () => {
  it.concurrent.each(overHttp(6))('at $point, onAgentLost $policy', ({ point, policy }) =>
    onTrial({ transport: 'http', env }, async (trial) => {
      const { id } = await strike(trial, point, 'SIGKILL', policy);
      await endLeases(trial.deployment.redis.client(), leaseMs);
      await startStrangerHere(trial, { transport: 'http' });
      const allowed = fatesOverHttp[point].map(({ gone }) => gone[policy]);
      expect(allowed).toContainEqual(await fateOf(trial, id));
      expect(await fateOfAnother(trial)).toEqual(undisturbed);
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );
});

// The flag's own place is right after the handler was called: its request may have left, or not.
describe('killed by --crash-at=mid-execution', () => {
  it.concurrent.each(sampled(policies, 1))('it has at most one effect, onAgentLost %s', (policy) =>
    onTrial({ env }, async (trial) => {
      const { id } = await strikeAtFlag(trial, 'mid-execution', 'SIGKILL', policy);
      await startAgentHere(trial.deployment);
      const fate = await fateOf(trial, id);
      const requestLeft = fate.effects.includes(1);
      expect(fate).toEqual(lostAfter(requestLeft ? [1] : [])[policy]);
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );
});
