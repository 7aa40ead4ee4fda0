import { type Redis } from 'ioredis';
import { announcedBy } from '../../shared/lifecycle/registration.js';
import { pauseQueue, resumeQueue } from '../../shared/lifecycle/queue-pause.js';
import { type Report } from '../../shared/lifecycle/transitions.js';
import { type CommandView } from '../../shared/protocol/commands.js';
import { type ServedQueues } from '../../shared/protocol/served-queues.js';
import { shownAs } from '../../shared/protocol/sessions.js';
import { fieldOfType } from '../../shared/protocol/type-digest.js';
import { elapsedMs } from '../../shared/runtime/clock.js';
import { pause } from '../../shared/runtime/service.js';
import { CommandReader } from '../../shared/store/command-reader.js';
import { agentKey, group, metaKey, partitionKeys, typesKey } from '../../shared/store/keys.js';
import { cancel } from '../../shared/lifecycle/cancel-and-retry.js';
import { submit } from '../../shared/lifecycle/transitions.js';
import { identityOf } from '../../testing/agent-identity.js';
import { completed, failed, newCommand } from '../../testing/command-fixtures.js';
import { type AgentIdentity } from '../../shared/protocol/agent-identity.js';
import { type AgentDescription, type NextReply, type Transport } from './transport.js';

/** The calls of a transport whose answers get lost in tests. */
export type LosableCall = 'next' | 'report' | 'renew' | 'reportProgress' | 'register' | 'leave';

/** The environment in which a transport is tested. */
export interface TransportRig {
  readonly redis: Redis;
  readonly leaseMs: number;
  /** A transport of one run of an agent's process. */
  connect(agent: AgentIdentity, description: AgentDescription): Transport;
  /** The next such call is carried out; its answer never arrives, and the connection breaks. */
  loseAnswer(call: LosableCall): { readonly lost: Promise<unknown> };
  /** Nothing is reached, until `heal`. */
  cut(): void;
  heal(): void;
}

/** The promises of every transport, by any route: the suite that each of them passes. */
export function conformance(rig: () => TransportRig): void {
  const keys = partitionKeys();
  const never = new AbortController().signal;
  const transports: Transport[] = [];
  let counter = 0;

  beforeEach(async () => {
    const left = (await rig().redis.keys('fencepost:*')).filter((key) => key !== metaKey);
    if (left.length > 0) await rig().redis.del(...left);
    counter++;
  });
  afterEach(() => {
    rig().heal();
    for (const transport of transports.splice(0)) transport.close();
  });

  const description = { host: 'h', pid: 7, version: '1', queues: ['default'], types: ['DELAY'] };
  const urgentAndBulk = ['urgent', 'bulk'];

  interface Run {
    readonly transport: Transport;
    readonly agentId: string;
    readonly session: string;
  }

  /** A run of an agent, registered. */
  async function run(name = 'a', boot = 1, concurrency = 1, served?: ServedQueues): Promise<Run> {
    const agent = identityOf(`${name}-${counter}`, `i-${name}-${counter}`, boot);
    const transport = rig().connect(agent, { ...description, concurrency, ...served });
    transports.push(transport);
    expect(await transport.register()).toMatchObject({ word: 'ok' });
    return { transport, agentId: agent.agentId, session: agent.session };
  }

  async function submitOne(onAgentLost: 'fail' | 'retry' = 'fail', queue = 'default'): Promise<string> {
    const id = `00000000-0000-7000-8000-${String(++ids).padStart(12, '0')}`;
    const command = newCommand(id, { onAgentLost, queue });
    await submit(rig().redis, keys, [command], { notAfter: Date.now() + 60_000, maxBacklog: 1000 });
    return id;
  }
  let ids = 0;

  const show = async (id: string) => (await new CommandReader(rig().redis, keys).read(id)) as CommandView;
  const statusOf = async (id: string) => (await show(id)).status;

  const ask = (transport: Transport, limit = 1, inFlight: readonly string[] = []) =>
    transport.next(() => ({ limit, inFlight }), never);
  const given = (reply: NextReply) =>
    reply.word === 'ok' ? reply.started.map(({ id, attempt }) => `${id}:${attempt}`) : reply.word;

  const reportOf = (one: Run, id: string, more: Partial<Report> = {}): Report => {
    const { agentId, session } = one;
    return { id, agentId, session, attempt: 1, outcome: completed, ...more };
  };

  describe('next', () => {
    it('starts a command, and says all that an agent must know of it', async () => {
      const a = await run();
      const id = await submitOne('retry');
      const reply = await ask(a.transport);
      const type = { type: 'DELAY', payload: '{"ms":1}', timeoutMs: undefined, onAgentLost: 'retry' };
      expect(reply).toMatchObject({ word: 'ok', started: [{ id, attempt: 1, queue: 'default', ...type }] });
      expect(await show(id)).toMatchObject({ status: 'RUNNING', agentId: a.agentId, attempt: 1 });
    });

    it('gives a payload as it was submitted, whatever its keys are called', async () => {
      const a = await run();
      const id = await submitOne();
      const payload = '{"__proto__":{"a":1},"constructor":null,"n":[-1.5e-7,"\\ud800"]}';
      await rig().redis.hset(keys.command(id), 'payload', payload);
      expect(await ask(a.transport)).toMatchObject({ word: 'ok', started: [{ id, payload }] });
    });

    it('waits for a command to come', async () => {
      const a = await run();
      const waiting = ask(a.transport);
      const id = await submitOne();
      expect(given(await waiting)).toEqual([`${id}:1`]);
    });

    it('says since when its lease runs, also after a long wait', async () => {
      const a = await run();
      const waiting = ask(a.transport);
      await pause(800);
      await submitOne();
      const reply = await waiting;
      expect(reply).toMatchObject({ word: 'ok', started: [{ attempt: 1 }] });
      if (reply.word === 'ok') expect(elapsedMs(reply.askedAt)).toBeLessThan(700);
    });

    it('gives a command whose answer was lost once, as the same attempt', async () => {
      const a = await run();
      const id = await submitOne();
      const { lost } = rig().loseAnswer('next');
      expect(given(await ask(a.transport))).toEqual([`${id}:1`]);
      await lost;
      expect(await show(id)).toMatchObject({ status: 'RUNNING', attempt: 1, losses: 0 });
    });

    it('gives again what is not in hand, and nothing new beside it', async () => {
      const a = await run();
      const id = await submitOne();
      await submitOne();
      for (let i = 0; i < 3; i++) expect(given(await ask(a.transport))).toEqual([`${id}:1`]);
    });

    it('fills free slots, and lets what is in hand alone', async () => {
      const a = await run('a', 1, 3);
      const wanted = [await submitOne(), await submitOne()];
      const inFlight: string[] = [];
      while (inFlight.length < 2) {
        const reply = await ask(a.transport, 3, inFlight);
        if (reply.word === 'ok') inFlight.push(...reply.started.map(({ entry }) => entry));
      }
      expect(await Promise.all(wanted.map(statusOf))).toEqual(['RUNNING', 'RUNNING']);
      const third = await submitOne();
      expect(given(await ask(a.transport, 3, inFlight))).toEqual([`${third}:1`]);
    });

    it('is over for a session whose agent runs anew', async () => {
      const old = await run('a', 1);
      await run('a', 2);
      const id = await submitOne();
      expect(given(await ask(old.transport))).toBe('old-session');
      expect(await statusOf(id)).toBe('PENDING');
    });

    it('that is stopped leaves no command behind that no agent executes', async () => {
      const a = await run();
      const stopping = new AbortController();
      let inFlight: string[] = [];
      const waiting = a.transport.next(() => ({ limit: 1, inFlight }), stopping.signal);
      stopping.abort();
      const id = await submitOne();
      const reply = await waiting;
      if (reply.word === 'ok') inFlight = reply.started.map(({ entry }) => entry);
      await a.transport.releaseUnstarted();
      await a.transport.leave();
      const b = await run('b');
      // Either it was given to the one that stops, which executes it, or the next one has it at once.
      if (given(reply).length === 0) expect((await ask(b.transport)).word).toBe('ok');
      expect(await show(id)).toMatchObject({ status: 'RUNNING', losses: 0 });
    });
  });

  describe('queues', () => {
    /** From which queues the next commands come, while none of them runs dry. */
    async function startsOf(served: ServedQueues, count: number): Promise<string[]> {
      const a = await run('a', 1, 1, served);
      for (let i = 0; i < count; i++) {
        for (const queue of served.queues) await submitOne('fail', queue);
      }
      const from: string[] = [];
      while (from.length < count) {
        const reply = await ask(a.transport);
        if (reply.word !== 'ok') throw new Error(reply.word);
        for (const { id, queue } of reply.started) {
          from.push(queue);
          await a.transport.report([reportOf(a, id)]);
        }
      }
      return from;
    }
    const countOf = (queue: string, queues: readonly string[]) =>
      queues.filter((one) => one === queue).length;

    it('are served strictly in their order without weights', async () => {
      expect(countOf('urgent', await startsOf({ queues: urgentAndBulk }, 20))).toBe(20);
    });

    // The share itself is tested with seeded dice, where the order is drawn; this one shows that the
    // weights arrive there. Less than half of 30 would come about once in 10^35 runs.
    it.each([
      ['urgent', [1000, 1]],
      ['bulk', [1, 1000]],
    ])('are served by weight: mostly %s with %j', async (queue, weights) => {
      const from = await startsOf({ queues: urgentAndBulk, weights }, 30);
      expect(countOf(queue, from)).toBeGreaterThan(15);
    });

    it('with weights are all served, whatever their share', async () => {
      const weights = [1, 1];
      const served = { queues: urgentAndBulk, weights };
      const a = await run('a', 1, 1, served);
      const id = await submitOne('fail', 'bulk');
      expect(given(await ask(a.transport))).toEqual([`${id}:1`]);
    });
  });

  describe('a queue that is paused', () => {
    const soon = () => ({ notAfter: Date.now() + 60_000 });
    const pauseIt = (queue: string) => pauseQueue(rig().redis, keys, { queue, ...soon() });
    const resumeIt = (queue: string) => resumeQueue(rig().redis, keys, { queue, ...soon() });

    /** Asks until something is given. */
    async function untilGiven(transport: Transport, limit = 1, inFlight: string[] = []): Promise<NextReply> {
      const reply = await ask(transport, limit, inFlight);
      return given(reply).length > 0 ? reply : untilGiven(transport, limit, inFlight);
    }

    it.each(['before', 'while'])('%s an agent waits for it gives nothing, and keeps it', async (when) => {
      const a = await run('a', 1, 2, { queues: urgentAndBulk });
      if (when === 'before') await pauseIt('urgent');
      const waiting = untilGiven(a.transport);
      await pauseIt('urgent');
      const kept = await submitOne('fail', 'urgent');
      const open = await submitOne('fail', 'bulk');
      const reply = await waiting;
      expect(given(reply)).toEqual([`${open}:1`]);
      expect(await show(kept)).toMatchObject({ status: 'PENDING', attempt: 0, losses: 0 });
      expect(await rig().redis.xpending(keys.stream('urgent'), group)).toEqual([0, null, null, null]);
      const inFlight = reply.word === 'ok' ? reply.started.map(({ entry }) => entry) : [];
      const resumed = untilGiven(a.transport, 2, inFlight);
      await resumeIt('urgent');
      expect(given(await resumed)).toEqual([`${kept}:1`]);
    });

    it('gives again an attempt whose answer was lost: that runs already', async () => {
      const a = await run();
      const id = await submitOne();
      await ask(a.transport);
      await pauseIt('default');
      expect(given(await ask(a.transport))).toEqual([`${id}:1`]);
      expect(await a.transport.renew([{ id, attempt: 1 }])).toEqual(['ok']);
      expect(await a.transport.report([reportOf(a, id)])).toEqual(['accepted']);
    });

    it('lets an agent that serves nothing else stop while it waits', async () => {
      const a = await run();
      await pauseIt('default');
      const stopping = new AbortController();
      const waiting = a.transport.next(() => ({ limit: 1, inFlight: [] }), stopping.signal);
      await submitOne();
      stopping.abort();
      expect(given(await waiting)).toEqual([]);
    });
  });

  describe('report', () => {
    it('stores the outcome, and sent again says so', async () => {
      const a = await run();
      const id = await submitOne();
      await ask(a.transport);
      expect(await a.transport.report([reportOf(a, id)])).toEqual(['accepted']);
      expect(await a.transport.report([reportOf(a, id)])).toEqual(['again']);
      expect(await show(id)).toMatchObject({ status: 'COMPLETED', result: { ok: true }, history: [] });
    });

    it('whose answer was lost is stored once', async () => {
      const a = await run();
      const id = await submitOne();
      await ask(a.transport);
      const { lost } = rig().loseAnswer('report');
      expect(await a.transport.report([reportOf(a, id)])).toEqual(['again']);
      await lost;
      expect(await show(id)).toMatchObject({ status: 'COMPLETED', history: [] });
    });

    it('carries a failure with everything that is known of it', async () => {
      const a = await run();
      const id = await submitOne();
      await ask(a.transport);
      const outcome = { ...failed, code: 'TIMEOUT', result: '{"seen":1}' } as const;
      expect(await a.transport.report([reportOf(a, id, { outcome })])).toEqual(['accepted']);
      const error = { code: 'TIMEOUT', message: 'no luck', executed: 'yes' };
      expect(await show(id)).toMatchObject({ status: 'FAILED', result: { seen: 1 }, error });
    });

    it.each<[string, Partial<Report>]>([
      ['of an attempt that is not current', { attempt: 2 }],
      ['of another session', { session: 'other.1' }],
      ['of another agent', { agentId: 'other' }],
      ['of another delivery of the attempt', { ticket: 'default/1-1' }],
    ])('%s is late, changes nothing, and is kept', async (_what, more) => {
      const a = await run();
      const id = await submitOne();
      await ask(a.transport);
      expect(await a.transport.report([reportOf(a, id, more)])).toEqual(['late']);
      const { ticket: _ticket, session, ...same } = more;
      const shown = session === undefined ? same : { session: shownAs(session) };
      expect(await show(id)).toMatchObject({ status: 'RUNNING', history: [{ reason: 'late', ...shown }] });
    });

    it('has a word for each, in order', async () => {
      const a = await run();
      const id = await submitOne();
      await ask(a.transport);
      const unknown = '00000000-0000-7000-8000-999999999999';
      const reports = [reportOf(a, unknown), reportOf(a, id), reportOf(a, id, { attempt: 9 })];
      expect(await a.transport.report(reports)).toEqual(['gone', 'accepted', 'late']);
    });

    it('of one outcome that is refused is reported as EXECUTION_FAILED, and those beside it as they are', async () => {
      const a = await run('a', 1, 3);
      const wanted = [await submitOne(), await submitOne(), await submitOne()];
      const inFlight: string[] = [];
      while (inFlight.length < 3) {
        const reply = await ask(a.transport, 3, inFlight);
        if (reply.word === 'ok') inFlight.push(...reply.started.map(({ entry }) => entry));
      }
      const [first = '', odd = '', last = ''] = wanted;
      const outcome = { ...failed, pauseMs: NaN };
      const reports = [reportOf(a, first), reportOf(a, odd, { outcome }), reportOf(a, last)];
      expect(await a.transport.report(reports)).toEqual(['accepted', 'accepted', 'accepted']);
      expect(await statusOf(first)).toBe('COMPLETED');
      expect(await statusOf(last)).toBe('COMPLETED');
      const error = { code: 'EXECUTION_FAILED', executed: 'yes' };
      expect(await show(odd)).toMatchObject({ status: 'FAILED', error });
    });

    it('of an outcome in the journal is accepted after the agent was started again', async () => {
      const a = await run('a', 1);
      const id = await submitOne();
      await ask(a.transport);
      const next = await run('a', 2);
      expect(await next.transport.report([reportOf(a, id)])).toEqual(['accepted']);
      await next.transport.settle();
      expect(await show(id)).toMatchObject({ status: 'COMPLETED', losses: 0 });
    });
  });

  describe('renew', () => {
    it('has a word for each, in order, also when its answer was lost', async () => {
      const a = await run();
      const id = await submitOne();
      await ask(a.transport);
      const held = [
        { id, attempt: 2 },
        { id, attempt: 1 },
      ];
      const { lost } = rig().loseAnswer('renew');
      expect(await a.transport.renew(held)).toEqual(['lost', 'ok']);
      await lost;
    });

    it('keeps nothing for a session that is over', async () => {
      const old = await run('a', 1);
      const id = await submitOne();
      await ask(old.transport);
      const next = await run('a', 2);
      await next.transport.settle();
      expect(await old.transport.renew([{ id, attempt: 1 }])).toEqual(['lost']);
    });
  });

  describe('reportProgress', () => {
    const half = { attempt: 1, sequence: 1, progress: '0.5' };

    it('shows it, and has a word for each that is lost, also when its answer was', async () => {
      const a = await run();
      const id = await submitOne();
      await ask(a.transport);
      const { lost } = rig().loseAnswer('reportProgress');
      const words = await a.transport.reportProgress([
        { id, ...half, attempt: 2 },
        { id, ...half },
      ]);
      await lost;
      expect(words[0]).toBe('lost');
      // Both are right: only a sender that repeats the call itself learns that it was carried out twice.
      expect(['ok', 'again']).toContain(words[1]);
      expect(await show(id)).toMatchObject({ status: 'RUNNING', progress: 0.5 });
    });

    it('takes any JSON, and the later one whichever comes first', async () => {
      const a = await run();
      const id = await submitOne();
      await ask(a.transport);
      const last = { id, attempt: 1, sequence: 2, progress: '{"done":[1, 2],"of":"two words"}' };
      await a.transport.reportProgress([last]);
      await a.transport.reportProgress([{ id, ...half }]);
      expect(await show(id)).toMatchObject({ progress: { done: [1, 2], of: 'two words' } });
    });

    it('of a former attempt is not shown as that of the next one', async () => {
      const old = await run('a', 1);
      const id = await submitOne('retry');
      await ask(old.transport);
      await old.transport.reportProgress([{ id, ...half }]);
      const next = await run('a', 2);
      await next.transport.settle();
      expect(await show(id)).toMatchObject({ status: 'PENDING', progress: null });
      expect(given(await ask(next.transport))).toEqual([`${id}:2`]);
      expect(await show(id)).toMatchObject({ status: 'RUNNING', progress: null });
      expect(await old.transport.reportProgress([{ id, ...half, sequence: 2 }])).toEqual(['lost']);
      await next.transport.reportProgress([{ id, ...half, attempt: 2, progress: '0.1' }]);
      expect(await show(id)).toMatchObject({ progress: 0.1 });
    });
  });

  describe('a cancel', () => {
    /** An operator's, of what runs its first attempt. */
    const cancelFirst = (id: string) => cancel(rig().redis, keys, [{ id, attempt: 1, retried: '' }]);

    it('is reported by renewals, which keep the lease, also when an answer was lost', async () => {
      const a = await run('a', 1, 2);
      const [id, other] = [await submitOne(), await submitOne()];
      const inFlight: string[] = [];
      while (inFlight.length < 2) {
        const reply = await ask(a.transport, 2, inFlight);
        if (reply.word === 'ok') inFlight.push(...reply.started.map(({ entry }) => entry));
      }
      expect(await cancelFirst(id)).toEqual(['requested']);
      const held = [
        { id, attempt: 2 },
        { id, attempt: 1 },
        { id: other, attempt: 1 },
      ];
      const { lost } = rig().loseAnswer('renew');
      expect(await a.transport.renew(held)).toEqual(['lost', 'cancelled', 'ok']);
      await lost;
      expect(await statusOf(id)).toBe('RUNNING');
    });

    it.each([
      ['CANCELLED, executed as far as its handler came', 'CANCELLED', 'yes'],
      ['CANCELLED before its handler was called', 'CANCELLED', 'no'],
    ] as const)('ends by its report: %s', async (_what, code, executed) => {
      const a = await run();
      const id = await submitOne('retry');
      await ask(a.transport);
      await cancelFirst(id);
      const outcome = { ...failed, code, executed, retryable: true } as const;
      expect(await a.transport.report([reportOf(a, id, { outcome })])).toEqual(['accepted']);
      expect(await show(id)).toMatchObject({ status: 'FAILED', error: { code, executed } });
      expect(await a.transport.report([reportOf(a, id, { outcome })])).toEqual(['again']);
    });

    it('that comes too late for the handler does not change its result', async () => {
      const a = await run();
      const id = await submitOne();
      await ask(a.transport);
      await cancelFirst(id);
      expect(await a.transport.report([reportOf(a, id)])).toEqual(['accepted']);
      expect(await show(id)).toMatchObject({ status: 'COMPLETED', result: { ok: true }, error: null });
    });

    it('is known within a second: by a hint, or because renewals come twice a second', async () => {
      const a = await run();
      const id = await submitOne();
      await ask(a.transport);
      if (a.transport.renewAfterMs <= 500) return;
      const hints: unknown[] = [];
      const heard = new Promise<void>((resolve) =>
        a.transport.hearCancels((hint) => {
          hints.push(hint);
          // The channel listens from then on.
          if (hint === 'gap') void cancelFirst(id);
          else resolve();
        }),
      );
      await heard;
      expect(hints).toEqual(['gap', { id, attempt: 1 }]);
    });

    it('that was lost with a broken connection is reported as a gap', async () => {
      const a = await run();
      if (a.transport.renewAfterMs <= 500) return;
      let gaps = 0;
      await new Promise<void>((resolve) =>
        a.transport.hearCancels(() => {
          gaps++;
          if (gaps === 2) return resolve();
          rig().cut();
          rig().heal();
        }),
      );
      expect(gaps).toBe(2);
    });
  });

  describe('settle', () => {
    it.each([
      ['fail', { status: 'FAILED', error: { code: 'AGENT_LOST', executed: 'unknown' } }],
      ['retry', { status: 'PENDING', losses: 1 }],
    ] as const)('ends what an earlier run left, by its policy (%s), at once', async (policy, state) => {
      const old = await run('a', 1);
      const id = await submitOne(policy);
      await ask(old.transport);
      const next = await run('a', 2);
      await next.transport.settle();
      expect(await show(id)).toMatchObject({ attempt: 1, ...state });
      await next.transport.settle();
      expect(await show(id)).toMatchObject({ attempt: 1, ...state });
    });

    it('lets what this run has, and what others have, alone', async () => {
      const [a, b] = [await run('a', 2), await run('b', 1)];
      const [first, second] = [await submitOne(), await submitOne()];
      await ask(a.transport);
      await ask(b.transport);
      await a.transport.settle();
      expect([await statusOf(first), await statusOf(second)]).toEqual(['RUNNING', 'RUNNING']);
    });

    it('is not for a run that is over', async () => {
      const old = await run('a', 1);
      await run('a', 2);
      await submitOne();
      expect(await old.transport.settle()).toBe('old-session');
    });
  });

  describe('register', () => {
    it('is refused while another instance has the name, and names it', async () => {
      const a = await run();
      const other = rig().connect(identityOf(a.agentId, 'other', 1), { ...description, concurrency: 1 });
      transports.push(other);
      const holder = {
        host: 'h',
        pid: '7',
        lastSeen: expect.any(Number) as number,
      };
      expect(await other.register()).toMatchObject({ word: 'taken', holder });
      await a.transport.leave();
      expect(await other.register()).toMatchObject({ word: 'ok' });
    });

    it('is refused to an earlier run', async () => {
      const old = await run('a', 1);
      await run('a', 2);
      expect(await old.transport.register()).toEqual({ word: 'old-session' });
    });

    it('and leave may lose their answers', async () => {
      const a = await run();
      for (const call of ['register', 'leave'] as const) {
        const { lost } = rig().loseAnswer(call);
        await a.transport[call]();
        await lost;
      }
      expect(await rig().redis.exists(agentKey(a.agentId))).toBe(0);
    });
  });

  it('announces types, again when they were deleted, and learns which others announce otherwise', async () => {
    const [a, b] = [await run('a'), await run('b')];
    const said = {
      payload: { type: 'object' },
      result: {},
      onAgentLost: 'retry',
      defaultTimeoutMs: 7,
    } as const;
    const resize = { type: 'RESIZE', ...said };
    const other = { ...resize, payload: { type: 'string' } };
    const announced = async () =>
      Object.values(await rig().redis.hgetall(typesKey)).map((text) => JSON.parse(text) as object);
    expect(await a.transport.announce([resize])).toEqual([]);
    expect(await announced()).toEqual([{ ...said, announcedAt: expect.any(Number) as number }]);
    await rig().redis.del(typesKey);
    expect(await a.transport.announce([resize])).toEqual([]);
    expect(await announced()).toHaveLength(1);
    expect(await b.transport.announce([{ ...resize, type: 'OTHER' }, other])).toEqual(['RESIZE']);
    expect(await a.transport.announce([resize])).toEqual(['RESIZE']);
    const versions = [fieldOfType({ ...resize, type: 'OTHER' }), fieldOfType(other)];
    const registered = await rig().redis.hget(agentKey(b.agentId), 'announced');
    expect(registered).toBe(announcedBy(b.session, versions));
    // A heartbeat leaves that alone.
    await b.transport.register();
    expect(await rig().redis.hget(agentKey(b.agentId), 'announced')).toBe(registered);
  });

  it('announces nothing for a session that is over', async () => {
    const a = await run('a', 1);
    await run('a', 2);
    const type = {
      type: 'RESIZE',
      payload: {},
      result: {},
      onAgentLost: 'fail',
      defaultTimeoutMs: 7,
    } as const;
    await expect(a.transport.announce([type])).rejects.toThrow('session');
    expect(await rig().redis.exists(typesKey)).toBe(0);
  });

  it('throws while nothing is reached, and comes back by itself', async () => {
    const a = await run();
    const id = await submitOne();
    rig().cut();
    await expect(a.transport.renew([{ id, attempt: 1 }])).rejects.toThrow();
    await expect(ask(a.transport)).rejects.toThrow();
    rig().heal();
    const answers = async (): Promise<NextReply> => ask(a.transport).catch(answers);
    expect(given(await answers())).toEqual([`${id}:1`]);
  });
}
