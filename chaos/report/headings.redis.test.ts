import { HandMadeRun } from '../../testing/hand-made-run.js';
import { type Faults } from '../../testing/invariants.js';
import { headingOf } from './headings.js';

/**
 * Returns the real history checker's findings on a run as the report counts them: its wording may change, and
 * these must not drift.
 */
async function headingsOf(plant: (run: HandMadeRun) => Promise<unknown>, faults: Faults): Promise<string[]> {
  const run = await HandMadeRun.start();
  try {
    await plant(run);
    const { violations } = await run.judge({ faults });
    return violations.map(headingOf);
  } finally {
    await run.stop();
  }
}

test('a command that came to rest without an outcome is stuck, not lost', async () => {
  expect(await headingsOf((run) => run.submit('c'), 'any')).toEqual(['stuck']);
});

test.each<{ name: string; faults: Faults }>([
  { name: 'in a run without faults', faults: 'none' },
  { name: 'in one whose faults were elsewhere', faults: [{ what: 'planted', fromMs: 0, toMs: 1 }] },
])('a loss and an unknown are unexplained $name', async ({ faults }) => {
  const lost = async (run: HandMadeRun) => {
    await run.started('c');
    await run.fail('c', 'AGENT_LOST', 'unknown');
  };
  expect(await headingsOf(lost, faults)).toEqual(['unexplained unknown', 'unexplained unknown']);
});

test('a late report in a run without faults is unexplained', async () => {
  const late = async (run: HandMadeRun) => {
    await run.live('c');
    await run.lateReport('c', 1);
  };
  expect(await headingsOf(late, 'none')).toEqual(['unexplained unknown']);
});

test('an `executed: "no"` that had an effect is untrue', async () => {
  const cancelled = async (run: HandMadeRun) => {
    await run.started('c');
    await run.effect('c');
    await run.fail('c', 'CANCELLED', 'no');
  };
  expect(await headingsOf(cancelled, 'any')).toEqual(['untrue']);
});
