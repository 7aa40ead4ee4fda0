import { recoveryConsumer } from '../../shared/store/keys.js';
import { HandMadeRun, queue } from '../hand-made-run.js';

/** Agent A dies with what it has, right after it has written an outcome to its disk. */

let run: HandMadeRun;
beforeEach(async () => (run = await HandMadeRun.start()));
afterEach(() => run.stop());

const startedByA = (...ids: readonly string[]) =>
  ids.reduce((before, id) => before.then(() => run.started(id)), Promise.resolve());

const died = (journalled: boolean) => ({
  what: 'planted',
  fromMs: Date.now(),
  toMs: Infinity,
  agents: ['A'],
  journalled,
});

const lose = (id: string) => run.fail(id, 'AGENT_LOST', 'unknown');

async function findings(fault: ReturnType<typeof died>) {
  // A second fault explains every loss, so that the first need not.
  const anything = { what: 'anything', fromMs: 0, toMs: Infinity };
  const { violations } = await run.judge({ faults: [fault, anything] });
  return violations.map(({ invariant, commandId, what }) => `${invariant} ${commandId}: ${what}`);
}

const forgotten = '8 c: its agent lost all that it had, although it had an outcome on its disk';

test('finds that the agent gave all of it up', async () => {
  await startedByA('c', 'd');
  const fault = died(true);
  await lose('c');
  await lose('d');
  expect(await findings(fault)).toEqual([forgotten]);
});

test('lets pass that it reported one of them', async () => {
  await startedByA('c', 'd');
  const fault = died(true);
  await run.complete('d', await run.effect('d'));
  await lose('c');
  expect(await findings(fault)).toEqual([]);
});

test('lets pass that it died without an outcome', async () => {
  await startedByA('c');
  const fault = died(false);
  await lose('c');
  expect(await findings(fault)).toEqual([]);
});

/** By recovery, which claims the entry in the same step. */
const recover = (id: string) => {
  const { entry } = run.life(id);
  const claim = ['XCLAIM', queue, 'agents', recoveryConsumer, 0, entry, 'JUSTID'] as const;
  return run.fail(id, 'AGENT_LOST', 'unknown', (writes) => [claim, ...writes]);
};

test('lets pass that recovery was there before it', async () => {
  await startedByA('c');
  const fault = died(true);
  await recover('c');
  expect(await findings(fault)).toEqual([]);
});

test('lets pass what may have been the outcome of an attempt that was lost before', async () => {
  await startedByA('c', 'd');
  await recover('d');
  const fault = { ...died(true), fromMs: Date.now() + 1 };
  await startedByA('e');
  await lose('c');
  await lose('e');
  expect(await findings(fault)).toEqual([]);
});
