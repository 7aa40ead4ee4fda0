import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Redis } from 'ioredis';
import { Journal } from '../agent/journal.js';
import { Server } from '../server/server.js';
import { submit } from '../shared/lifecycle/transitions.js';
import { noFaults } from '../shared/runtime/faults.js';
import { createLogger } from '../shared/runtime/logger.js';
import { CommandReader } from '../shared/store/command-reader.js';
import { agentKey, metaKey, partitionKeys } from '../shared/store/keys.js';
import { completed, newCommand } from '../testing/command-fixtures.js';
import { endProcesses, startProcess } from '../testing/processes.js';
import { TestRedis } from '../testing/redis-server.js';
import { HttpTransport } from '../agent/transport/http-transport.js';
import { RedisTransport } from '../agent/transport/redis-transport.js';
import { type Transport } from '../agent/transport/transport.js';

/**
 * Copies, clones and backups of data directories: whatever the disk holds, nothing is executed twice. Runs are
 * an agent's journal and transport without the rest, and die by closing both: the kernel frees the lock then,
 * as when a process dies. A real process is started only where its death must be proved by its id.
 */

/** The lease runs out in no test, except where one makes it. */
const leaseMs = 600_000;
const keys = partitionKeys();
const logger = createLogger({ side: 'agent', level: 'silent' });
const never = new AbortController().signal;

let redis: TestRedis;
let client: Redis;
let server: Server;
let root: string;
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  const options = { host: '127.0.0.1', port: 0, leaseMs, graceMs: 1000, maxBacklog: 10_000, logger };
  server = new Server({ ...options, redisUrl: redis.url });
  await server.start();
});
afterAll(async () => {
  await server.stop();
  await endProcesses();
  await redis.stop();
});
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'fencepost-copies-'));
  const left = (await client.keys('fencepost:*')).filter((key) => key !== metaKey);
  if (left.length > 0) await client.del(...left);
  executions.length = 0;
});
afterEach(async () => {
  for (const run of [...living]) await run.die();
  rmSync(root, { recursive: true });
});

/** The real executions: `<commandId>:<attempt> by <run>`. */
const executions: string[] = [];
const living = new Set<Run>();
let ids = 0;

async function submitSome(count: number, more: Parameters<typeof newCommand>[1] = {}): Promise<string[]> {
  const some = Array.from(
    { length: count },
    () => `00000000-0000-7000-8000-${String(++ids).padStart(12, '0')}`,
  );
  const commands = some.map((id) => newCommand(id, more));
  await submit(client, keys, commands, { notAfter: Date.now() + 600_000, maxBacklog: 1000 });
  return some;
}

const statusesOf = async (some: readonly string[]) =>
  Promise.all(some.map(async (id) => (await new CommandReader(client, keys).read(id))?.status));

/** Ends the lease of the agent that holds the name. */
const silence = () => client.hset(agentKey('golden'), 'lastSeen', Date.now() - leaseMs - 1);

class Run {
  readonly journal: Journal;
  readonly #transport: Transport;
  readonly #name: string;
  readonly #held: { id: string; attempt: number; entry: string }[] = [];

  private constructor(name: string, journal: Journal, transport: Transport) {
    this.#name = name;
    this.journal = journal;
    this.#transport = transport;
    living.add(this);
  }

  /** Opens a directory as an agent does at its start. */
  static async open(over: Over, name: string, host = hostname()): Promise<Run> {
    const journal = await Journal.open(join(root, name), () => 'golden');
    const about = { pid: process.pid, version: '1', queues: ['default'], types: ['DELAY'], concurrency: 10 };
    const common = {
      agent: journal.identity,
      description: { ...about, host },
      leaseMs,
      logger,
      faults: noFaults,
    };
    const transport =
      over === 'redis'
        ? new RedisTransport({ ...common, redisUrl: redis.url })
        : new HttpTransport({ ...common, serverUrls: [server.url], pollIntervalMs: 1 });
    return new Run(`${name} ${journal.identity.session}`, journal, transport);
  }

  /** Starts as an agent does: its name, its journal, what earlier runs left. @returns whether it may go on */
  async start(): Promise<boolean> {
    if ((await this.#transport.register()).word !== 'ok') return false;
    const unanswered = this.journal.outcomes.unanswered();
    await this.#transport.report(unanswered.map(({ report }) => report));
    for (const { kept } of unanswered) this.journal.outcomes.answered(kept);
    return (await this.#transport.settle()) !== 'old-session';
  }

  /**
   * Fetches and executes so many commands, which it is given without a wait: no more, and none that was given
   * before.
   */
  async execute(count: number): Promise<void> {
    const before = this.#held.length;
    while (this.#held.length < before + count) {
      const inFlight = this.#held.map(({ entry }) => entry);
      const reply = await this.#transport.next(() => ({ limit: 10, inFlight }), never);
      if (reply.word !== 'ok') throw new Error(reply.word);
      for (const one of reply.started) {
        executions.push(`${one.id}:${one.attempt} by ${this.#name}`);
        this.#held.push(one);
      }
    }
    expect(this.#held).toHaveLength(before + count);
  }

  #reports() {
    const { agentId, session } = this.journal.identity;
    return this.#held.map(({ id, attempt }) => ({ id, attempt, agentId, session, outcome: completed }));
  }

  /** Journals the outcomes of what it executed, and reports them or not. */
  async finish(reported = true): Promise<void> {
    this.journal.outcomes.keep(this.#reports());
    if (reported) await this.#transport.report(this.#reports());
    this.#held.length = 0;
  }

  async stop(): Promise<void> {
    await this.#transport.leave();
    await this.die();
  }

  async die(): Promise<void> {
    living.delete(this);
    this.#transport.close();
    await this.journal.close();
  }
}

type Over = 'redis' | 'http';

/** Commands that were given before would come first. */
async function executesOnlyWhatIsNew(run: Run): Promise<void> {
  await submitSome(1);
  await run.execute(1);
}

async function started(over: Over, name: string, host?: string): Promise<Run> {
  const run = await Run.open(over, name, host);
  expect(await run.start()).toBe(true);
  return run;
}

async function refused(over: Over, name: string, host?: string): Promise<void> {
  const run = await Run.open(over, name, host);
  expect(await run.start()).toBe(false);
  await run.die();
}

const copy = (from: string, to: string) =>
  cpSync(join(root, from), join(root, to), { recursive: true, preserveTimestamps: true });

/** A directory that has been run once, and stopped in good order. */
async function golden(over: Over): Promise<void> {
  const run = await started(over, 'image');
  await run.stop();
}

const cases: readonly [string, (over: Over) => Promise<void>][] = [
  [
    'a copy of a live one, while that lives',
    async (over) => {
      const original = await started(over, 'a');
      copy('a', 'b');
      await submitSome(3);
      await refused(over, 'b');
      await original.execute(3);
    },
  ],
  [
    'a copy of a live one that is in the middle of its work',
    async (over) => {
      const original = await started(over, 'a');
      const some = await submitSome(3);
      await original.execute(3);
      copy('a', 'b');
      await refused(over, 'b');
      await original.finish();
      expect(await statusesOf(some)).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED']);
    },
  ],
  [
    'a copy of a stopped one: the original goes on, and the copy beside it',
    async (over) => {
      await golden(over);
      copy('image', 'b');
      await submitSome(3);
      const original = await started(over, 'image');
      await refused(over, 'b');
      await original.execute(3);
    },
  ],
  [
    'a copy of a stopped one, run in turns with the original',
    async (over) => {
      await golden(over);
      copy('image', 'b');
      for (const name of ['b', 'image', 'b', 'image']) {
        await submitSome(2);
        const run = await started(over, name);
        await run.execute(2);
        await run.finish();
        await run.stop();
      }
    },
  ],
  [
    'a golden image that runs twice, the first killed in the middle',
    async (over) => {
      await golden(over);
      copy('image', 'run1');
      copy('image', 'run2');
      const some = await submitSome(1);
      const first = await started(over, 'run1');
      await first.execute(1);
      await first.die();
      await refused(over, 'run2');
      await silence();
      // The first run has lost its lease, but nothing proves that its process is dead: its commands wait for recovery.
      const second = await started(over, 'run2');
      await executesOnlyWhatIsNew(second);
      expect(await statusesOf(some)).toEqual(['RUNNING']);
    },
  ],
  [
    'a golden image that runs twice at once',
    async (over) => {
      await golden(over);
      copy('image', 'run1');
      copy('image', 'run2');
      await submitSome(4);
      const both = [await Run.open(over, 'run1'), await Run.open(over, 'run2')];
      const words = await Promise.all(both.map((run) => run.start()));
      expect(words.filter(Boolean)).toHaveLength(1);
      await both[words.indexOf(true)]?.execute(4);
    },
  ],
  [
    'an older backup, after many runs, the last of which was killed',
    async (over) => {
      await golden(over);
      copy('image', 'backup');
      for (let i = 0; i < 4; i++) await golden(over);
      const last = await started(over, 'image');
      const some = await submitSome(2);
      await last.execute(2);
      await last.die();
      await refused(over, 'backup');
      await silence();
      const restored = await started(over, 'backup');
      await executesOnlyWhatIsNew(restored);
      expect(await statusesOf(some)).toEqual(['RUNNING', 'RUNNING']);
    },
  ],
  [
    'an older backup, while the original lives',
    async (over) => {
      await golden(over);
      copy('image', 'backup');
      const original = await started(over, 'image');
      await submitSome(2);
      await original.execute(2);
      await refused(over, 'backup');
      await original.finish();
    },
  ],
  [
    'a clone on a host of another name, while the original lives, and after it was killed',
    async (over) => {
      const original = await started(over, 'a', 'host-1');
      await submitSome(2);
      await original.execute(2);
      copy('a', 'b');
      await refused(over, 'b', 'host-2');
      await original.die();
      await refused(over, 'b', 'host-2');
      await silence();
      await executesOnlyWhatIsNew(await started(over, 'b', 'host-2'));
    },
  ],
  [
    'a clone on a host of the same name, to which its predecessor seems to be gone',
    async (over) => {
      const original = await started(over, 'a', 'container');
      await submitSome(2);
      await original.execute(2);
      copy('a', 'b');
      await original.die();
      await refused(over, 'b', 'container');
    },
  ],
  [
    'a copy with an outcome that the original has not reported yet',
    async (over) => {
      const original = await started(over, 'a');
      const some = await submitSome(2);
      await original.execute(2);
      await original.finish(false);
      copy('a', 'b');
      await original.die();
      await silence();
      // Both report how the command ended; it ends once.
      await (await started(over, 'b')).stop();
      expect(await statusesOf(some)).toEqual(['COMPLETED', 'COMPLETED']);
      const again = await started(over, 'a');
      await executesOnlyWhatIsNew(again);
    },
  ],
  [
    'a copy of a copy, and their original, one after the other killed',
    async (over) => {
      const original = await started(over, 'a');
      copy('a', 'b');
      await submitSome(1);
      await original.execute(1);
      copy('b', 'c');
      await original.die();
      await silence();
      const second = await started(over, 'b');
      await submitSome(1);
      await second.execute(1);
      await second.die();
      await refused(over, 'c');
      await silence();
      await executesOnlyWhatIsNew(await started(over, 'c'));
    },
  ],
  [
    'a directory that was moved after its run was killed: it is the same one, and goes on at once',
    async (over) => {
      const original = await started(over, 'a');
      const [failing, retried] = [await submitSome(1), await submitSome(1, { onAgentLost: 'retry' })];
      await original.execute(2);
      await original.die();
      renameSync(join(root, 'a'), join(root, 'b'));
      const moved = await started(over, 'b');
      expect(await statusesOf([...failing, ...retried])).toEqual(['FAILED', 'PENDING']);
      await moved.execute(1);
    },
  ],
  [
    'the directory itself, after two runs that were killed before they could settle',
    async (over) => {
      const original = await started(over, 'a');
      const some = await submitSome(1);
      await original.execute(1);
      await original.die();
      await (await Run.open(over, 'a')).die();
      await started(over, 'a');
      expect(await statusesOf(some)).toEqual(['FAILED']);
    },
  ],
];

describe.each<Over>(['redis', 'http'])('over %s', (over) => {
  test.each(cases)('%s', async (_, play) => {
    await play(over);
    const attempts = executions.map((text) => text.split(' ')[0]);
    expect(attempts).toHaveLength(new Set(attempts).size);
  });

  // Here the id of a process decides, so there must be one, and it must die.
  test('a copy of the directory of a process that was killed on this machine goes on at once', async () => {
    const args = ['dist/agent/main.js'] as const;
    const reach =
      over === 'redis' ? { REDIS_URL: redis.url } : { AGENT_TRANSPORT: 'http', SERVER_URL: server.url };
    const env = {
      ...reach,
      DATA_DIR: root,
      AGENT_ID: 'golden',
      LEASE_MS: String(leaseMs),
      LOG_PRETTY: 'false',
    };
    const original = startProcess(args, { env });
    await original.waitForLine(/"ready"/);
    const [id = ''] = await submitSome(1, { payload: '{"ms":3600000}' });
    await original.waitForLine(/"started"/);
    copy('agents/golden', 'living');
    await refused(over, 'living');
    original.kill('SIGKILL');
    await original.exited;
    copy('agents/golden', 'b');
    await started(over, 'b');
    expect(await statusesOf([id])).toEqual(['FAILED']);
  });
});
