import { Semaphore } from './semaphore.js';

const never = new AbortController().signal;

test('lets so many through at once, and the others in the order in which they came', async () => {
  const line = new Semaphore(2);
  const through: number[] = [];
  const leaves: (() => void)[] = [];
  const entering = [1, 2, 3, 4, 5].map(async (who) => {
    leaves.push(await line.enter(never));
    through.push(who);
  });
  await Promise.all(entering.slice(0, 2));
  for (const who of [3, 4, 5]) {
    expect(through).toHaveLength(who - 1);
    leaves.shift()?.();
    await entering[who - 1];
  }
  expect(through).toEqual([1, 2, 3, 4, 5]);
});

test('a caller that is aborted leaves at once, with the reason, and the turn goes to the next', async () => {
  const line = new Semaphore(1);
  const leave = await line.enter(never);
  const controller = new AbortController();
  const aborted = line.enter(controller.signal);
  const next = line.enter(never);
  controller.abort(new Error('enough'));
  await expect(aborted).rejects.toThrow('enough');
  leave();
  (await next)();
  // The aborted caller did not take the place that became free last.
  (await line.enter(never))();
  await expect(line.enter(controller.signal)).rejects.toThrow('enough');
});

test('a turn that comes before the abort is its caller’s, which passes it on', async () => {
  const line = new Semaphore(1);
  const leave = await line.enter(never);
  const controller = new AbortController();
  const entering = line.enter(controller.signal);
  leave();
  controller.abort(new Error('too late'));
  (await entering)();
  (await line.enter(never))();
});
