import { callScript, shaOf } from '../shared/lifecycle/scripts.js';
import { type OnAgentLost } from '../shared/protocol/commands.js';
import { partitionKeys } from '../shared/store/keys.js';
import { sampled } from '../testing/extent.js';
import { type HeldRequest, requestOf } from '../testing/tcp-proxy.js';
import { type Fate, fateOf, submit, undisturbed } from './fate.js';
import { Stage } from './stage.js';

/**
 * Requests that arrive late: one is held back on the wire, its agent dies, what the agent had is
 * dealt with, and then the request arrives. It must change nothing.
 */

const requests = ['start', 'report', 'last report', 'renew', 'release'] as const;
type Request = (typeof requests)[number];

/** The script that is sent on the wire: an agent reports and starts in one call, until it is stopping. */
const scripts = {
  start: 'start',
  report: 'report_and_start',
  'last report': 'report',
  renew: 'renew',
  release: 'release',
} as const;

/** The state of the command by the time the request arrives. */
type Moment =
  /** Recovery has dealt with it, and no agent serves its queue. */
  | 'recovered'
  /** Another agent executes its next attempt. */
  | 'runs elsewhere'
  | 'ended elsewhere'
  /** The agent was started again, and has settled what its last session left. */
  | 'settled';

interface Case {
  readonly request: Request;
  readonly moment: Moment;
  readonly onAgentLost: OnAgentLost;
  /** Redis's word for the late request; `nothing`: it started nothing. */
  readonly answer: 'nothing' | 'old-session' | 'again' | 'late' | 'lost' | 'refused';
  readonly fate: Fate;
}

const row = (
  request: Request,
  moment: Moment,
  onAgentLost: OnAgentLost,
  answer: Case['answer'],
  fate: Fate,
): Case => ({ request, moment, onAgentLost, answer, fate });

const lost: Fate = { ...undisturbed, status: 'FAILED', code: 'AGENT_LOST', executed: 'unknown', losses: 1 };
const lostThenLate: Fate = { ...lost, history: ['late 1 COMPLETED'] };
const twice: Fate = { ...undisturbed, attempt: 2, losses: 1, effects: [1, 2], history: ['lost 1'] };
const twiceThenLate: Fate = { ...twice, history: ['late 1 COMPLETED', 'lost 1'] };

// Not here: a start that arrives while the command waits, also one that goes with a report. It may start it, as it
// might have right before its agent died.
const cases = [
  row('start', 'runs elsewhere', 'fail', 'nothing', undisturbed),
  row('start', 'ended elsewhere', 'fail', 'nothing', undisturbed),
  row('start', 'settled', 'fail', 'old-session', undisturbed),
  row('release', 'recovered', 'fail', 'refused', undisturbed),
  row('release', 'runs elsewhere', 'fail', 'refused', undisturbed),
  row('release', 'ended elsewhere', 'fail', 'refused', undisturbed),
  row('release', 'settled', 'fail', 'refused', undisturbed),
  row('renew', 'recovered', 'fail', 'lost', lost),
  row('renew', 'settled', 'fail', 'lost', lost),
  row('renew', 'recovered', 'retry', 'lost', twice),
  row('renew', 'runs elsewhere', 'retry', 'lost', twice),
  row('renew', 'ended elsewhere', 'retry', 'lost', twice),
  row('renew', 'settled', 'retry', 'lost', twice),
  row('report', 'recovered', 'fail', 'late', lostThenLate),
  row('last report', 'recovered', 'retry', 'late', twiceThenLate),
  row('report', 'settled', 'fail', 'again', undisturbed),
  row('report', 'runs elsewhere', 'retry', 'late', twiceThenLate),
  row('report', 'ended elsewhere', 'retry', 'late', twiceThenLate),
  row('report', 'settled', 'retry', 'again', undisturbed),
];

/** In `npm test` one of three, each request and each moment among them; with TESTS=long all. */
const tried = sampled(cases, 0, 3);

/**
 * Longer than every test: a lease runs out where a case makes it. The first renewal, for which some cases wait,
 * comes after a quarter.
 */
const leaseMs = 40_000;
let stage: Stage;

/** A script that Redis does not know yet would be refused for that alone. */
async function loadScripts({ redis }: Stage): Promise<void> {
  const nobodys = ['nobody', ''];
  const calls = {
    start: [...nobodys, 0, 0, 0, 0],
    report: [0, ...nobodys, 0, 0, 0, 0],
    'last report': [0],
    renew: [...nobodys, 0],
    release: [...nobodys, 0],
  };
  for (const request of requests) {
    await callScript(redis, scripts[request], partitionKeys().root, calls[request]);
  }
}

beforeAll(async () => {
  stage = await Stage.start(leaseMs);
  await loadScripts(stage);
});
afterAll(() => stage.stop());

/** Submits a command that the victim is given, and holds a request of the victim about it until it has died. */
async function holdRequest({ request, onAgentLost }: Case, queue: string) {
  const { victim, proxy } = await stage.startVictim(queue);
  // The victim's read is held, so that all is prepared before it learns of the command.
  const read = proxy.holdNext(requestOf('xreadgroup'));
  await read.held;
  const id = await submit(stage, { queue, onAgentLost });
  const isReport = request === 'report' || request === 'last report';
  const answers = stage.ledger.hold((hit) => hit.commandId === id && (!isReport || hit.attempt > 1));
  const held = proxy.holdNext(requestOf('evalsha', shaOf(scripts[request])));
  if (request === 'release') {
    // The victim is given the entry, is signalled to stop, and learns of the entry only then.
    proxy.cut('replies');
    await read.deliver();
    victim.kill('SIGTERM');
    await victim.waitForLine(/"stopping/);
    proxy.heal();
    await held.held;
  } else {
    const untilStopping =
      request === 'last report'
        ? stage.ledger.hold((hit) => hit.commandId === id && hit.attempt === 1)
        : undefined;
    await read.deliver();
    if (untilStopping) {
      await untilStopping.first;
      victim.kill('SIGTERM');
      await victim.waitForLine(/"stopping/);
      untilStopping.release();
    }
    await held.held;
    if (request === 'renew') await stage.ledger.waitForHits(1, id);
    if (isReport) await stage.journalled(queue, id);
    victim.kill('SIGKILL');
  }
  await victim.exited;
  return { id, held, answers };
}

async function deliverLate(one: Case): Promise<void> {
  const { request, moment, onAgentLost, answer, fate } = one;
  const queue = [request, moment, onAgentLost].join('-').replaceAll(' ', '-');
  const { id, held, answers } = await holdRequest(one, queue);

  if (moment !== 'settled') await stage.recover(queue);
  if (moment !== 'recovered') {
    await stage.startAgentHere(queue, moment === 'settled' ? 'victim' : 'heir');
    // A command that was started or reported before is not executed again by that very attempt.
    const isExecutedNow = request === 'start' || request === 'release' || fate.attempt === 2;
    if (isExecutedNow) await stage.ledger.waitForHits(fate.attempt, id);
    if (moment === 'ended elsewhere') answers.release();
    if (moment === 'ended elsewhere' || !isExecutedNow) await fateOf(stage, id);
  }

  const before = await stage.stateOf(queue, id);
  expect(wordOf(request, await held.deliver())).toBe(answer);
  expect(await stage.stateOf(queue, id)).toEqual(before);

  answers.release();
  if (moment === 'recovered') await stage.startAgentHere(queue, 'heir');
  expect(await fateOf(stage, id)).toEqual(fate);
}

const name = '$request, once its command $moment, is answered $answer (onAgentLost: $onAgentLost)';
it.concurrent.each(tried)(name, deliverLate);

it('the judge finds nothing in all of it', async () => {
  const { deployment, clients, ledger } = stage;
  const report = await deployment.judge({ clients, ledger, faults: 'any' });
  expect(report.violations).toEqual([]);
  expect(report.counts).toMatchObject({
    completed: tried.filter(({ fate }) => fate.status === 'COMPLETED').length,
    failed: tried.filter(({ fate }) => fate.status === 'FAILED').length,
    losses: tried.filter(({ fate }) => fate.losses > 0).length,
    lateReports: tried.filter(({ answer }) => answer === 'late').length,
  });
});

/** The word for the one item of a call; of a start, what it started. */
function wordOf(request: Request, answer: Awaited<ReturnType<HeldRequest['deliver']>>): unknown {
  const reply = request === 'report' && Array.isArray(answer) ? answer[0] : answer;
  if (!Array.isArray(reply)) return reply;
  const [first, ...rest] = reply;
  if (first === 'ok') return Array.isArray(rest[1]) && rest[1].length === 0 ? 'nothing' : rest[1];
  return typeof first === 'string' ? first : rest.flat().join();
}
