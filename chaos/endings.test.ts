import { type Ended, endingOf } from './endings.js';

const refused: Ended = {
  exit: { code: 1, signal: null },
  lines: [
    '{"msg":"this name is held by pid 7 on h, last seen at 2026-01-01T00:00:00.000Z; waiting up to 3 s"}',
    'another agent holds this name: pid 7 on h, last seen at 2026-01-01T00:00:02.000Z',
  ],
  arm: null,
  refusals: 0,
};
const died: Ended = {
  exit: { code: null, signal: 'SIGKILL' },
  lines: ['start-won: fault injection: SIGKILL'],
  arm: { flag: 'crash-at', point: 'start-won', arrival: 1 },
  refusals: null,
};

it('a process that dies at the point that it was armed with ends as armed', () => {
  expect(endingOf(died)).toBe('as armed');
});

it.each<[string, Partial<Ended>]>([
  ['that was not armed', { arm: null }],
  ['that was armed to freeze', { arm: { flag: 'freeze-at', point: 'start-won', arrival: 1 } }],
  ['that another program killed', { lines: [] }],
  ['that exits', { exit: { code: 0, signal: null } }],
])('one %s ends by itself', (_, more) => {
  expect(endingOf({ ...died, ...more })).toBe('by itself');
});

it('an agent without its data may be refused the name of its predecessor some times in a row, and no more', () => {
  const endings = Array.from({ length: 8 }, (_, refusals) => endingOf({ ...refused, refusals }));
  expect(endings).toEqual([
    ...Array.from({ length: 6 }, () => 'refused its name'),
    ...Array.from({ length: 2 }, () => 'by itself'),
  ]);
});

it.each<[string, Partial<Ended>]>([
  ['that has its data', { refusals: null }],
  ['that ends with another code', { exit: { code: 2, signal: null } }],
  ['that is killed meanwhile', { exit: { code: null, signal: 'SIGKILL' } }],
  ['that was only asked to wait', { lines: refused.lines.slice(0, 1) }],
  ['whose session is not the newest', { lines: ['a newer session of this agent is registered'] }],
])('no other end is excused: an agent %s', (_, more) => {
  expect(endingOf({ ...refused, ...more })).toBe('by itself');
});
