import { group, recoveryConsumer } from '../shared/store/keys.js';
import { HandMadeRun, keys, queue } from './hand-made-run.js';
import { format, lookEarly } from './invariants.js';

describe('the judge', () => {
  let run: HandMadeRun;
  beforeEach(async () => (run = await HandMadeRun.start()));
  afterEach(() => run.stop());

  test('finds nothing in a run without faults', async () => {
    await run.live('plain');
    await run.submit('failing', { maxAttempts: '2' });
    await run.deliver();
    await run.start('failing');
    await run.effect('failing');
    await run.reportProgress('failing');
    await run.putBack('failing', 'failed');
    await run.deliver('B');
    await run.start('failing', { agentId: 'B' });
    await run.complete('failing', await run.effect('failing'));
    await run.submit('cancelled');
    await run.fail('cancelled', 'CANCELLED', 'no');
    const report = await run.judge({ faults: 'none' });
    expect(report).toEqual({
      violations: [],
      counts: {
        accepted: 3,
        completed: 2,
        failed: 1,
        pruned: 0,
        byErrorCode: { CANCELLED: 1 },
        executedUnknown: 0,
        losses: 0,
        transitions: 10,
        lateReports: 0,
        progress: 1,
        effects: 3,
      },
    });
    expect(format(report)).toContain('8. `executed` tells the truth: kept');
  });

  test('finds nothing in a run whose faults were dealt with rightly', async () => {
    await run.submit('lost', { onAgentLost: 'fail' });
    await run.submit('poisonous', { onAgentLost: 'retry', maxLosses: '2' });
    await run.deliver();
    for (const id of ['lost', 'poisonous']) {
      await run.start(id);
      await run.effect(id);
    }
    // Renewal, then recovery: both are XCLAIMs in the append-only file.
    await run.redis.xclaim(queue, group, 'A', 0, run.life('lost').entry, 'JUSTID');
    await run.redis.xautoclaim(queue, group, recoveryConsumer, 0, '0-0');
    await run.fail('lost', 'AGENT_LOST', 'unknown');
    await run.putBack('poisonous', 'lost');
    await run.lateReport('lost', 1);
    await run.lateReport('poisonous', 1);
    await run.deliver('B');
    await run.start('poisonous', { agentId: 'B' });
    await run.fail('poisonous', 'AGENT_LOST', 'unknown');
    await run.redis.bgrewriteaof();

    await run.retry('lost');
    // Delivered to an agent that never started it, and recovered for another.
    await run.deliver('C');
    await run.redis.xautoclaim(queue, group, recoveryConsumer, 0, '0-0');
    await run.putBack('lost', 'unstarted');
    await run.deliver('B');
    await run.start('lost', { agentId: 'B' });
    await run.putBack('lost', 'released');
    await run.deliver();
    await run.start('lost');
    await run.complete('lost', await run.effect('lost'));
    // A stray entry for a command that is settled.
    await run.redis.xadd(queue, '*', 'id', 'lost');
    await run.deliver();
    const [stray] = (await run.redis.xrange(queue, '-', '+'))[0] ?? [''];
    await run.write(['XACK', queue, group, stray], ['XDEL', queue, stray]);

    await run.submit('tomorrow', {}, (writes) => [
      ...writes.filter((write) => write[0] !== 'XADD' && !(write[0] === 'HSET' && write[2] === 'entry')),
      ['ZADD', keys.scheduled, Date.now() + 86_400_000, 'tomorrow'],
    ]);
    await run.submit('pruned');
    await run.fail('pruned', 'EXPIRED', 'no');
    await run.prune('pruned');
    await run.live('pruned too');
    await run.prune('pruned too');
    run.clients.noteSighting('pruned', null);

    const { violations, counts } = await run.judge({
      mayBeUnfinished: (id) => id === 'tomorrow',
      retentionMs: 0,
    });
    expect(violations).toEqual([]);
    expect(counts).toMatchObject({ accepted: 5, completed: 2, failed: 2, pruned: 2, executedUnknown: 1 });
    expect(counts).toMatchObject({ losses: 3, lateReports: 2, effects: 4 });
  });

  test('finds an effect that comes only after the states were read', async () => {
    await run.started('c');
    await run.fail('c', 'CANCELLED', 'no');
    const { ledger } = run;
    let readings = 0;
    const report = await run.judge({
      ledger: {
        url: ledger.url,
        hits: async () => {
          if (++readings === 2) await run.effect('c');
          return ledger.hits();
        },
      },
    });
    expect(report.violations).toMatchObject([{ invariant: 8, commandId: 'c' }]);
    expect(format(report)).toMatch(/8\. .*BROKEN 1 times\n {3}c: it is said not to have been executed/);
  });

  test('reports before the end what no later event can take back', async () => {
    await run.submit('waits');
    await run.started('doubled');
    await run.effect('doubled');
    await run.started('runs');
    expect(await lookEarly(run)).toEqual([]);
    await run.effect('doubled');
    await run.write(['PEXPIRE', keys.marker('runs'), 60_000]);
    const certain = await lookEarly(run);
    expect(certain.map(({ commandId, what }) => `${commandId}: ${what}`)).toEqual([
      'runs: its marker was written other than by SET NX without a time to live',
      'runs: its marker was set without a start in the same step',
      'doubled: attempt 1 was executed more than once',
      'doubled: it was executed more than once, although no client asked for a retry',
    ]);
  });
});
