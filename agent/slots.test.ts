import { type StartedCommand } from '../shared/lifecycle/transitions.js';
import { Slots } from './slots.js';

const command = (id: string, attempt = 1): StartedCommand => ({
  queue: 'default',
  entry: `${id}-${attempt}`,
  id,
  attempt,
  type: 'DELAY',
  payload: '{}',
  timeoutMs: undefined,
  onAgentLost: 'fail',
});

const never = new AbortController().signal;

describe('at concurrency 1, one command at a time', () => {
  it('asks for one command, and for none while it has it', () => {
    const slots = new Slots(1);
    expect(slots.demand()).toEqual({ limit: 1, inHands: [] });
    slots.take(command('a'));
    expect(slots.demand()).toEqual({ limit: 1, inHands: ['a-1'] });
  });

  it('asks for nothing more while an outcome is on its way', () => {
    const slots = new Slots(1);
    slots.take(command('a'));
    slots.executed(command('a'));
    expect(slots.demand()).toEqual({ limit: 1, inHands: ['a-1'] });
    slots.release(command('a'));
    expect(slots.demand()).toEqual({ limit: 1, inHands: [] });
  });
});

describe('at concurrency 2', () => {
  it('executes two while the outcomes of two more are on their way', () => {
    const slots = new Slots(2);
    for (const id of ['a', 'b']) slots.take(command(id));
    for (const id of ['a', 'b']) slots.executed(command(id));
    expect(slots.demand()).toEqual({ limit: 4, inHands: ['a-1', 'b-1'] });
    for (const id of ['c', 'd']) slots.take(command(id));
    for (const id of ['c', 'd']) slots.executed(command(id));
    expect(slots.demand()).toEqual({ limit: 4, inHands: ['a-1', 'b-1', 'c-1', 'd-1'] });
  });
});

it('takes an attempt once, whichever way it comes again', () => {
  const slots = new Slots(5);
  expect(slots.take(command('a'))).toBe(true);
  expect(slots.take(command('a'))).toBe(false);
  slots.release(command('a'));
  expect(slots.take(command('a'))).toBe(false);
  expect(slots.take(command('a', 2))).toBe(true);
});

it('wakes who waits for a free slot when a report is answered', async () => {
  const slots = new Slots(1);
  slots.take(command('a'));
  const free = slots.free(never);
  slots.release(command('a'));
  await expect(free).resolves.toBeUndefined();
});

it('wakes who waits for a free slot when it is told to stop', async () => {
  const slots = new Slots(1);
  slots.take(command('a'));
  const stop = new AbortController();
  const free = slots.free(stop.signal);
  stop.abort();
  await expect(free).resolves.toBeUndefined();
});
