import { type ScriptName, shaOf } from '../shared/lifecycle/scripts.js';
import { type Reply, ReplyError } from '../testing/resp.js';
import { wasRefused, WireTally } from './wire-tally.js';

const id = '0190a1b2-0000-7000-8000-000000000001';
const root = 'fencepost:{0}:';

const call = (script: ScriptName, ...args: readonly (string | number)[]) => [
  'evalsha',
  shaOf(script),
  '1',
  root,
  ...args.map(String),
];
const completed = (commandId: string, attempt: number) => [commandId, attempt, 'default/1-0', '{}'];
const failed = (commandId: string, attempt: number) => [
  ...completed(commandId, attempt),
  ...['FAILED', '{"code":"TIMEOUT"}', 'yes', '', 0, 0],
];
const reportOf = (attempt: number) =>
  call('report', 1, 'agent-1', 'x.1', 'done', 1, ...completed(id, attempt));
const renewOf = (attempt: number) => call('renew', 'agent-1', 'x.1', 1, id, attempt);

function tallyOf(
  ...exchanges: readonly (readonly [request: readonly string[], reply: Reply, senderGone?: boolean])[]
) {
  const wire = new WireTally();
  for (const [request, reply, senderGone = false] of exchanges) wire.see({ request, reply, senderGone });
  return Object.fromEntries(Object.entries(wire.tally).filter(([, count]) => count > 0));
}

const items = (...words: readonly string[]): Reply =>
  words.flatMap((word) => [`${word} 1 - - default/1-0 ${id}`, 'DELAY', '{"ms":1}']);

it.each<[string, readonly string[], Reply, Record<string, number>]>([
  ['a report that is accepted', reportOf(1), [5, ['accepted']], {}],
  ['a report that is late', reportOf(1), [5, ['late']], { zombiesRefused: 1 }],
  ['a report that was accepted before', reportOf(1), [5, ['again']], { resentAbsorbed: 1 }],
  ['a renewal of what is lost', renewOf(1), [5, 'lost'], { zombiesRefused: 1 }],
  ['a renewal', renewOf(1), [5, 'ok'], {}],
  [
    'a release by the wrong hands',
    call('release', 'agent-1', 'x.1', 1, 'default', '5-0', id, 2),
    [5, 'refused'],
    { zombiesRefused: 1 },
  ],
  [
    'a release of what an agent that stops has started itself',
    call('release', 'agent-1', 'x.1', 1, 'default', '5-0', id, 0),
    [5, 'refused'],
    {},
  ],
  ['a start by an old session', call('start', 'agent-1', 'x.1'), ['old-session'], { zombiesRefused: 1 }],
  ['a start', call('start', 'agent-1', 'x.1'), ['ok', 5, items('run', 'waiting')], {}],
  [
    'a start given again',
    call('start', 'agent-1', 'x.1'),
    ['ok', 5, items('yours', 'run')],
    { resentAbsorbed: 1 },
  ],
  [
    'a report and start, of which the one was accepted before and the other given again',
    call('report_and_start', 1, id, 'agent-1', 'x.1', 1, 'COMPLETED', '{}', '', 'yes', 0, 0, 0),
    [
      [5, ['again']],
      ['ok', 5, items('yours')],
    ],
    { resentAbsorbed: 2 },
  ],
  [
    'a report and start of which the report is late, by an old session',
    call('report_and_start', 1, id, 'agent-1', 'x.1', 1, 'COMPLETED', '{}', '', 'yes', 0, 0, 0),
    [[5, ['late']], ['old-session']],
    { zombiesRefused: 2 },
  ],
  ['a submission sent again', call('submit'), [5, ['same', 'accepted']], { submissionsDeduplicated: 1 }],
  ['a settling by an old session', call('abandon'), ['old-session'], { zombiesRefused: 1 }],
  ['another command', ['GET', 'late'], 'late', {}],
  ['an error', reportOf(1), new ReplyError('NOSCRIPT'), {}],
])('%s', (_what, request, reply, counted) => {
  expect(tallyOf([request, reply])).toEqual(counted);
});

it("a renewal that crosses its own report is no zombie's; one of an older attempt is", () => {
  const accepted: [string[], Reply] = [reportOf(2), [5, ['accepted']]];
  expect(tallyOf(accepted, [renewOf(2), [5, 'lost']])).toEqual({});
  expect(tallyOf(accepted, [renewOf(1), [5, 'lost']])).toEqual({ zombiesRefused: 1 });
});

it('a request whose sender has gone counts when a guard refused it, or knew it', () => {
  expect(tallyOf([reportOf(1), [5, ['again']], true])).toMatchObject({ lateRefused: 1 });
  expect(tallyOf([call('start', 'agent-1'), ['old-session'], true])).toMatchObject({ lateRefused: 1 });
  // There was nothing to give.
  expect(tallyOf([call('start', 'agent-1'), ['ok', 5, items()], true])).toEqual({});
  expect(tallyOf([reportOf(1), [5, ['accepted']], true])).toEqual({});
  expect(tallyOf([call('recover', 2500), ['ok', 5, '0-0'], true])).toEqual({});
  expect(tallyOf([reportOf(1), new ReplyError('LOADING'), true])).toEqual({});
});

it.each<[Parameters<typeof wasRefused>[0], Reply, boolean]>([
  ['start', ['ok', 5, items('run')], false],
  ['start', ['ok', 5, items('yours', 'waiting')], true],
  ['start', ['ok', 5, items()], false],
  ['submit', [5, ['same']], true],
  ['submit', [5, ['same', 'accepted']], false],
  ['release', [5, 'released'], false],
  ['release', [5, 'refused'], true],
  ['renew', [5, 'lost'], true],
])('%s, answered %j: refused is %s', (script, reply, refused) => {
  expect(wasRefused(script, reply)).toBe(refused);
});

it('knows each of the reports of one call', () => {
  const other = id.replace(/1$/, '2');
  const ended = ['agent-1', 'x.1', 'ended', 2, ...failed(other, 3), ...failed(other, 4)];
  const all = call(
    'report',
    2,
    ...ended,
    'agent-1',
    'x.1',
    'done',
    2,
    ...completed(other, 5),
    ...completed(id, 1),
  );
  const words = ['accepted', 'late', 'accepted', 'accepted'];
  expect(tallyOf([all, [5, words]], [renewOf(1), [5, 'lost']])).toEqual({ zombiesRefused: 1 });
});
