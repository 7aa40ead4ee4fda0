import { agentPoints, serverPoints } from '../shared/runtime/faults.js';
import { parseMix, usualMix } from './mix.js';
import { type FaultKind, faultKinds } from './record.js';
import { endingsPerFault, flagOf, pointKinds, Schedule } from './schedule.js';

const faultsOf = (schedule: Schedule, count: number) =>
  Array.from({ length: count }, () => {
    const fault = schedule.next();
    return fault && { ...fault, dice: [fault.dice.next(), fault.dice.next()] };
  });

const armsOf = (schedule: Schedule) =>
  Array.from({ length: 400 }, (_, start) => [
    schedule.armAgent('agent-1', start, 'redis'),
    schedule.armAgent('agent-2', start, 'http'),
    schedule.armServer('server-1', start),
  ]);

it('the same seed and mix make the same schedule, with the same dice and arms', () => {
  const [one, other] = [new Schedule(7, usualMix), new Schedule(7, usualMix)];
  expect(faultsOf(one, 500)).toEqual(faultsOf(other, 500));
  expect(armsOf(one)).toEqual(armsOf(other));
});

it('another seed makes another schedule', () => {
  const [one, other] = [new Schedule(7, usualMix), new Schedule(8, usualMix)];
  expect(faultsOf(one, 20)).not.toEqual(faultsOf(other, 20));
  expect(armsOf(one)).not.toEqual(armsOf(other));
});

it('what a fault rolls for itself moves no later fault', () => {
  const [one, other] = [new Schedule(7, usualMix), new Schedule(7, usualMix)];
  one.next()?.dice.shuffled([1, 2, 3]);
  other.next();
  expect(faultsOf(one, 20)).toEqual(faultsOf(other, 20));
});

it('faults come in the order of their events, and about as often as they should', () => {
  const faults = faultsOf(new Schedule(3, usualMix), 2000);
  const events = faults.map((fault) => fault?.event ?? NaN);
  expect(events).toEqual([...events].sort((a, b) => a - b));
  const perFault = (events.at(-1) ?? NaN) / events.length;
  expect(perFault).toBeGreaterThan(0.9 * endingsPerFault);
  expect(perFault).toBeLessThan(1.1 * endingsPerFault);
});

it('every kind that is not of a point comes, and those that a mix leaves out never do', () => {
  const kindsOf = (schedule: Schedule) =>
    new Set<FaultKind | undefined>(faultsOf(schedule, 3000).map((one) => one?.kind));
  const planned = faultKinds.filter((kind) => !pointKinds.some((point) => point === kind));
  expect(kindsOf(new Schedule(1, usualMix))).toEqual(new Set(planned));
  const mix = parseMix('kill,late') ?? usualMix;
  expect(kindsOf(new Schedule(1, mix))).toEqual(new Set(['agent killed', 'server killed', 'request late']));
});

it('a mix of points alone plans nothing, and arms every start', () => {
  const schedule = new Schedule(1, parseMix('point') ?? usualMix);
  expect(schedule.next()).toBeUndefined();
  expect(armsOf(schedule).flat()).not.toContain(null);
});

it('a mix without points arms no process', () => {
  const schedule = new Schedule(1, parseMix('kill,freeze') ?? usualMix);
  expect(new Set(armsOf(schedule).flat())).toEqual(new Set([null]));
});

it('every point comes up, as a flag that the programs know; over HTTP no agent reads an entry', () => {
  const arms = armsOf(new Schedule(1, usualMix));
  const pointsOf = (who: number) => new Set(arms.flatMap((row) => row[who]?.point ?? []));
  expect(pointsOf(0)).toEqual(new Set(agentPoints));
  expect(pointsOf(1)).toEqual(new Set(agentPoints.filter((point) => point !== 'entry-read')));
  expect(pointsOf(2)).toEqual(new Set(serverPoints));
  for (const arm of arms.flat()) {
    if (arm) expect(flagOf(arm)).toMatch(/^--(crash|freeze)-at=[a-z-]+:[1-9]\d*$/);
  }
});
