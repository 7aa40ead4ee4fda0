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
    expect(slots.demand()).toEqual({ limit: 1, inFlight: [] });
    slots.take(command('a'));
    expect(slots.demand()).toEqual({ limit: 1, inFlight: ['a-1'] });
  });

  it('asks for nothing more while an outcome is on its way', () => {
    const slots = new Slots(1);
    slots.take(command('a'));
    slots.executed(command('a'));
    expect(slots.demand()).toEqual({ limit: 1, inFlight: ['a-1'] });
    slots.release(command('a'));
    expect(slots.demand()).toEqual({ limit: 1, inFlight: [] });
  });
});

describe('at concurrency 4', () => {
  const filled = (ids: string, options?: { leavesToReports: boolean }) => {
    const slots = new Slots(4, options);
    for (const id of ids) slots.take(command(id));
    return slots;
  };

  it('executes four while the outcomes of four more are on their way', () => {
    const slots = filled('abcd');
    for (const id of 'abcd') slots.executed(command(id));
    expect(slots.demand().limit).toBe(8);
    for (const id of 'efgh') slots.take(command(id));
    for (const id of 'efgh') slots.executed(command(id));
    expect(slots.demand().limit).toBe(8);
    expect(slots.demand().inFlight).toHaveLength(8);
  });

  it('asks, in a call that reports some, for as many as there is room for without them', () => {
    const slots = filled('abcd');
    slots.executed(command('a'));
    expect(slots.demandAfter([command('a')])).toEqual({ limit: 4, inFlight: ['b-1', 'c-1', 'd-1'] });
    slots.executed(command('b'));
    slots.executed(command('c'));
    expect(slots.demandAfter([command('a')])).toEqual({ limit: 6, inFlight: ['b-1', 'c-1', 'd-1'] });
  });

  it('leaves what reports will free to the calls that report it, if it is configured so', () => {
    const slots = filled('abc', { leavesToReports: true });
    expect(slots.demand().limit).toBe(4);
    slots.executed(command('a'));
    expect(slots.demand().limit).toBe(3);
    expect(slots.demandAfter([command('a')]).limit).toBe(4);
    slots.release(command('a'));
    expect(slots.demand().limit).toBe(4);
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

it('takes the first attempt of a command that was deleted and submitted anew', () => {
  const slots = new Slots(5);
  for (const one of [
    command('a'),
    { ...command('a'), entry: 'another' },
    { ...command('a'), ticket: 'a third' },
  ]) {
    expect(slots.take(one)).toBe(true);
    slots.release(one);
    expect(slots.take(one)).toBe(false);
  }
});

it('wakes the caller that waits for a free slot when a report is answered', async () => {
  const slots = new Slots(1);
  slots.take(command('a'));
  const free = slots.free(never);
  slots.release(command('a'));
  await expect(free).resolves.toBeUndefined();
});

it('wakes the caller that waits for a free slot when the agent stops', async () => {
  const slots = new Slots(1);
  slots.take(command('a'));
  const stop = new AbortController();
  const free = slots.free(stop.signal);
  stop.abort();
  await expect(free).resolves.toBeUndefined();
});

describe('while another delivery of the same attempt is in hand', () => {
  const anew = { ...command('a'), entry: 'another' };

  it('takes none, and gives it when that one is released', () => {
    const slots = new Slots(5);
    slots.take(command('a'));
    expect(slots.take(anew)).toBe(false);
    expect(slots.demand()).toEqual({ limit: 6, inFlight: ['a-1', 'another'] });
    expect(slots.take(anew)).toBe(false);
    slots.executed(command('a'));
    // The postponed delivery keeps a place: four others fit beside it.
    expect(slots.demandAfter([command('a')])).toEqual({ limit: 5, inFlight: ['another'] });
    expect(slots.release(command('a'))).toEqual(anew);
    expect(slots.take(anew)).toBe(true);
    expect(slots.release(anew)).toBeUndefined();
  });

  it('gives nothing when that one merely came twice', () => {
    const slots = new Slots(5);
    slots.take(command('a'));
    slots.take(command('a'));
    expect(slots.release(command('a'))).toBeUndefined();
  });
});
