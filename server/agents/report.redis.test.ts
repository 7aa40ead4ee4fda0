import { type Redis } from 'ioredis';
import { shownAs } from '../../shared/protocol/sessions.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { givenId, TestAgents } from '../testing/test-agents.js';
import { TestApi } from '../testing/test-api.js';

/** The calls of an agent for the commands that it holds: result, renewal, release. */

const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
let redis: TestRedis;
let client: Redis;
let server: Server;
let api: TestApi;
let agents: TestAgents;

beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  const options = { host: '127.0.0.1', port: 0, leaseMs: 60_000, graceMs: 1000, maxBacklog: 10_000, logger };
  server = new Server({ ...options, redisUrl: redis.url });
  await server.start();
  api = new TestApi(server.url);
  agents = new TestAgents(api);
});
afterAll(async () => {
  await server.stop();
  await redis.stop();
});

/** A command that agent-1 has started in session s. */
async function started(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  await api.post('/commands', { type: 'DELAY', payload: { ms: 1 }, ...more });
  const query = { agentId: 'agent-1', session: 's', concurrency: 1000, holding: held.join(',') };
  const id = givenId(await agents.next(query));
  held.push(`${id}:1`);
  return id;
}
/** A command that was started with `curl`, without a session. */
async function startedByHand(): Promise<string> {
  await api.post('/commands', { type: 'DELAY', payload: { ms: 1 } });
  return givenId(await agents.next({ agentId: 'by-hand' }));
}
const held: string[] = [];
beforeEach(async () => {
  const meta = await client.hgetall('fencepost:meta');
  await client.flushall();
  await client.hset('fencepost:meta', meta);
  held.length = 0;
});

const show = async (id: string) => (await api.get(`/commands/${id}`)).body;
const mine = { agentId: 'agent-1', session: 's', attempt: 1 } as const;
const done = { ...mine, status: 'COMPLETED', result: { ok: true, tookMs: 3 } } as const;
const failed = { ...mine, status: 'FAILED', error: { message: 'no luck' } } as const;
const accepted = { status: 200, body: { again: false } };

describe('a report', () => {
  test('of a result completes the command', async () => {
    const id = await started();
    expect(await agents.report(id, done)).toMatchObject(accepted);
    expect(await show(id)).toMatchObject({ status: 'COMPLETED', result: done.result, error: null });
  });

  test('of a lost attempt is the same when it is sent again', async () => {
    const id = await started();
    const lost = { ...mine, status: 'FAILED', error: { code: 'AGENT_LOST', message: 'its lease ended' } };
    expect(await agents.report(id, lost)).toMatchObject(accepted);
    expect(await agents.report(id, lost)).toMatchObject({ status: 200, body: { again: true } });
  });

  test('of an error fails it; what is left out is EXECUTION_FAILED, executed, worth another try', async () => {
    const [once, twice] = [await started(), await started({ maxAttempts: 2 })];
    expect(await agents.report(once, failed)).toMatchObject(accepted);
    expect(await agents.report(twice, failed)).toMatchObject(accepted);
    const error = { code: 'EXECUTION_FAILED', message: 'no luck', executed: 'yes' };
    expect(await show(once)).toMatchObject({ status: 'FAILED', error });
    expect(await show(twice)).toMatchObject({ status: 'PENDING', failures: 1 });
  });

  test('may say more of an error', async () => {
    const id = await started({ maxAttempts: 2 });
    const error = { message: 'bad', code: 'INVALID_PAYLOAD', executed: 'no', retryable: false };
    expect(await agents.report(id, { ...failed, result: { seen: 1 }, error })).toMatchObject(accepted);
    expect(await show(id)).toMatchObject({
      status: 'FAILED',
      result: { seen: 1 },
      error: { code: 'INVALID_PAYLOAD', message: 'bad', executed: 'no' },
    });
  });

  test('without a session counts only for what was started without one', async () => {
    const id = await started();
    const refused = await agents.report(id, { ...done, session: undefined });
    expect(refused).toMatchObject({ status: 409, body: { code: 'late_report' } });
    await agents.report(id, done);
    const byHand = await startedByHand();
    expect(await agents.report(byHand, { agentId: 'by-hand', status: 'COMPLETED', result: 1 })).toMatchObject(
      accepted,
    );
  });

  test('may leave out the attempt as long as there was only one', async () => {
    const [first, retried] = [await started(), await started({ maxAttempts: 2 })];
    expect(await agents.report(first, { ...done, attempt: undefined })).toMatchObject(accepted);
    const retryable = { message: 'x', retryAfterMs: 0 };
    await agents.report(retried, { ...failed, error: retryable });
    expect(await agents.report(retried, { ...done, attempt: 2 })).toMatchObject({ status: 409 });
    expect(await agents.report(retried, { ...done, attempt: undefined })).toMatchObject({ status: 409 });
  });

  test.each([
    ['a result', done, { ...done, result: { tookMs: 3, ok: true } }],
    ['no result', { ...mine, status: 'COMPLETED' }, { ...mine, status: 'COMPLETED', result: null }],
    ['an error', failed, failed],
    ['an error with a result', { ...failed, result: [1] }, { ...failed, result: [1] }],
    ['a result without attempt', { ...mine, attempt: undefined, status: 'COMPLETED', result: 1 }, null],
  ])('of %s is 200 both times when it is sent twice', async (_what, first, second) => {
    const id = await started();
    expect(await agents.report(id, first)).toMatchObject(accepted);
    expect(await agents.report(id, second ?? first)).toMatchObject({ status: 200, body: { again: true } });
    expect(await show(id)).toMatchObject({ history: [] });
  });

  test('of a failure that is tried again is 200 both times, and another one 409', async () => {
    const id = await started({ maxAttempts: 3 });
    await agents.report(id, failed);
    expect(await agents.report(id, failed)).toMatchObject({ status: 200, body: { again: true } });
    const other = { ...failed, error: { message: 'another story' } };
    expect(await agents.report(id, other)).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(await agents.report(id, done)).toMatchObject({ status: 409 });
  });

  test('of a failure too long to be kept in the history is taken for the same', async () => {
    const id = await started({ maxAttempts: 3 });
    const long = { ...failed, result: 'x'.repeat(10_000), error: { message: 'y'.repeat(5000) } };
    await agents.report(id, long);
    expect(await agents.report(id, long)).toMatchObject({ status: 200, body: { again: true } });
  });

  test.each([
    ['another result', { ...done, result: { ok: false } }],
    ['a failure', failed],
  ])('of %s on a settled command is 409, and changes nothing', async (_what, other) => {
    const id = await started();
    await agents.report(id, done);
    const settled = await show(id);
    expect(await agents.report(id, other)).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(await show(id)).toEqual(settled);
  });

  test.each([
    ['another agent', { agentId: 'agent-2' }],
    ['another session', { session: 'other' }],
    ['another attempt', { attempt: 2 }],
  ])(
    'by %s is 409 and kept in the history, once',
    async (_what, more: { agentId?: string; session?: string; attempt?: number }) => {
      const shown = shownAs(more.session ?? mine.session);
      const id = await started();
      for (let i = 0; i < 2; i++) {
        const late = await agents.report(id, { ...done, ...more });
        expect(late).toMatchObject({ status: 409, body: { code: 'late_report' } });
      }
      expect(await show(id)).toMatchObject({
        status: 'RUNNING',
        history: [
          { ...mine, ...more, session: shown, reason: 'late', status: 'COMPLETED', result: done.result },
        ],
      });
    },
  );

  test('of what does not exist is 404', async () => {
    for (const id of ['00000000-0000-7000-8000-000000000000', 'nonsense']) {
      expect(await agents.report(id, done)).toMatchObject({ status: 404 });
    }
  });

  test.each([
    [{ status: 'COMPLETED' }, 'agentId'],
    [{ agentId: 'a' }, 'status'],
    [{ agentId: 'a', status: 'PENDING' }, 'status'],
    [{ agentId: 'a', status: 'FAILED' }, 'error'],
    [{ agentId: 'a', status: 'FAILED', error: 'no luck' }, 'error'],
    [{ agentId: 'a', status: 'FAILED', error: { message: 'x', code: 'OOPS' } }, 'error.code'],
    [{ agentId: 'a', status: 'COMPLETED', error: { message: 'x' } }, 'error'],
    [{ agentId: 'a', status: 'COMPLETED', results: 1 }, 'results'],
    [{ agentId: 'a', status: 'COMPLETED', result: 'x'.repeat(1024 * 1024) }, 'result'],
  ])('that is malformed is 400 and names the field (%#)', async (body, field) => {
    const id = '00000000-0000-7000-8000-000000000000';
    expect(await agents.report(id, body)).toMatchObject({ status: 400, body: { errors: [{ field }] } });
  });

  test('of the largest result is stored as it is', async () => {
    const id = await started();
    const result = 'x'.repeat(1024 * 1024 - 2);
    expect(await agents.report(id, { ...done, result })).toMatchObject(accepted);
    expect(await show(id)).toMatchObject({ result });
  });
});

describe('a renewal', () => {
  test('says which attempts are lost', async () => {
    const [kept, ended] = [await started(), await started()];
    await agents.report(ended, done);
    const unknown = '00000000-0000-7000-8000-000000000000';
    const attempts = [kept, ended, unknown].map((commandId) => ({ commandId, attempt: 1 }));
    const answer = await agents.renew({ agentId: 'agent-1', session: 's', held: attempts });
    expect(answer).toMatchObject({ status: 200, body: { lost: attempts.slice(1), cancelled: [] } });
  });

  test('by another session keeps nothing', async () => {
    const held = [{ commandId: await started(), attempt: 1 }];
    expect(await agents.renew({ agentId: 'agent-1', session: 'other', held })).toMatchObject({
      body: { lost: held },
    });
  });
});

describe('progress', () => {
  const half = { attempt: 1, sequence: 1, progress: { done: 3, of: 6 } };

  test('is shown of the command, and in lists, until another attempt begins', async () => {
    const commandId = await started();
    const { agentId, session } = mine;
    const answer = await agents.reportProgress({ agentId, session, told: [{ commandId, ...half }] });
    expect(answer).toMatchObject({ status: 200, body: { lost: [] } });
    expect(await show(commandId)).toMatchObject({ status: 'RUNNING', progress: half.progress });
    const { commands } = (await api.get('/commands?status=RUNNING')).body as { commands: unknown[] };
    expect(commands).toContainEqual(expect.objectContaining({ commandId, progress: half.progress }));
    await agents.release(commandId, mine);
    expect(await show(commandId)).toMatchObject({ status: 'PENDING', progress: null });
  });

  test('says which attempts are lost', async () => {
    const [kept, ended] = [await started(), await started()];
    await agents.report(ended, done);
    const told = [kept, ended].map((commandId) => ({ commandId, ...half }));
    const answer = await agents.reportProgress({ agentId: mine.agentId, session: mine.session, told });
    expect(answer.body).toEqual({ lost: [{ commandId: ended, attempt: 1 }] });
  });

  test.each([
    ['null', { ...half, progress: null }, 'told[0].progress'],
    ['too large', { ...half, progress: 'x'.repeat(1023) }, 'told[0].progress'],
    ['without its place', { attempt: 1, progress: 1 }, 'told[0].sequence'],
  ])('that is %s is refused', async (_what, one, field) => {
    const told = [{ commandId: '00000000-0000-7000-8000-000000000000', ...one }];
    const answer = await agents.reportProgress({ agentId: 'a', told });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field }] } });
  });
});

describe('a release', () => {
  test('puts the command back, once, and spends the attempt', async () => {
    const id = await started();
    expect(await agents.release(id, mine)).toMatchObject({ status: 200, body: { commandId: id } });
    expect(await agents.release(id, mine)).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(await show(id)).toMatchObject({ status: 'PENDING', losses: 0 });
    expect((await agents.next({ agentId: 'agent-2', session: 't' })).body).toMatchObject({
      commandId: id,
      attempt: 2,
    });
  });

  test.each([
    ['another agent', { agentId: 'agent-2' }],
    ['another session', { session: 'other' }],
    ['another attempt', { attempt: 2 }],
  ])('by %s is refused', async (_what, more) => {
    const id = await started();
    expect(await agents.release(id, { ...mine, ...more })).toMatchObject({ status: 409 });
    expect(await show(id)).toMatchObject({ status: 'RUNNING' });
  });
});
