import { Redis } from 'ioredis';
import { z } from 'zod';
import { type CommandType } from '../agent/commands/command-type.js';
import { defineCommand } from '../agent/commands/define-command.js';
import { shaOf } from '../shared/lifecycle/scripts.js';
import { submit } from '../shared/lifecycle/transitions.js';
import { group, partitionKeys } from '../shared/store/keys.js';
import { Deployment } from '../testing/deployment.js';
import { TcpProxy } from '../testing/tcp-proxy.js';
import { startAgentHere } from './agent-here.js';
import { until } from './trial.js';

/**
 * The cost of a command on the wire and on Redis's disk, however fast or busy the machine is: calls, arguments
 * and bytes of the processes that submit, start and report, and what they append to the append-only file. A
 * figure that grows must be justified where it is raised; one that falls must be lowered here.
 */

const keys = partitionKeys();
const commands = 400;

/** Ends at once, so that what was started together is reported together. */
const nothing = defineCommand({
  type: 'NOTHING',
  payload: z.null(),
  result: z.null(),
  execute: () => Promise.resolve(null),
}) as unknown as CommandType;

/** Calls, arguments and bytes; with `file` also what they append to Redis's file. */
type Cost = Record<'calls' | 'args' | 'bytes', number>;

let deployment: Deployment;
let proxy: TcpProxy;
/** Since it was last looked at. */
let cost: Cost;
beforeEach(async () => {
  deployment = await Deployment.start({ servers: 0 });
  const shas = (['submit', 'start', 'report', 'report_and_start'] as const).map(shaOf);
  proxy = await TcpProxy.start({ path: deployment.redis.socket }, ({ request }) => {
    if (!shas.includes(request[1] ?? '')) return;
    cost.calls++;
    cost.args += request.length;
    cost.bytes += request.reduce((sum, arg) => sum + arg.length, 0);
  });
  cost = { calls: 0, args: 0, bytes: 0 };
});
afterEach(async () => {
  await deployment.stop();
  await proxy.stop();
});

async function fileBytes(): Promise<number> {
  const info = await deployment.redis.client().info('persistence');
  return Number(/^aof_current_size:(\d+)/m.exec(info)?.[1]);
}

/** Submits all of them, in batches of so many. */
async function submitAll(batch: number): Promise<void> {
  const redis = new Redis(proxy.url);
  const options = { notAfter: Number.MAX_SAFE_INTEGER, maxBacklog: 2 * commands };
  for (let from = 0; from < commands; from += batch) {
    const some = Array.from({ length: batch }, (_, i) => ({
      id: `0190f7a0-0000-7000-8000-${String(from + i).padStart(12, '0')}`,
      ...{ digest: '', type: 'NOTHING', payload: 'null', queue: 'default' },
    }));
    const { replies } = await submit(redis, keys, some, options);
    expect(replies.map(({ word }) => word)).toEqual(some.map(() => 'accepted'));
  }
  redis.disconnect();
}

/** The cost of `work` per command, with two digits. */
async function perCommand(work: () => Promise<void>): Promise<Cost & Record<'file', number>> {
  const before = await fileBytes();
  cost = { calls: 0, args: 0, bytes: 0 };
  await work();
  const { calls, args, bytes } = cost;
  const round = (sum: number) => Math.round((sum / commands) * 100) / 100;
  return {
    calls: round(calls),
    args: round(args),
    bytes: round(bytes),
    file: round((await fileBytes()) - before),
  };
}

/** Most per command; a little above what was measured, since ids of entries and first calls differ. */
const budgets = [
  {
    atOnce: 1,
    submit: { calls: 1, args: 20, bytes: 160, file: 645 },
    execute: { calls: 1.02, args: 24, bytes: 300, file: 1200 },
  },
  {
    atOnce: 10,
    submit: { calls: 0.1, args: 3.8, bytes: 53, file: 460 },
    execute: { calls: 0.13, args: 6.3, bytes: 92, file: 965 },
  },
  {
    atOnce: 100,
    submit: { calls: 0.01, args: 2.2, bytes: 42, file: 443 },
    execute: { calls: 0.03, args: 4.6, bytes: 72, file: 945 },
  },
];

test.each(budgets)(
  'submitted in batches and executed at a concurrency of $atOnce',
  async ({ atOnce, ...most }) => {
    await deployment.redis.client().xgroup('CREATE', keys.stream('default'), group, '0', 'MKSTREAM');
    const submitting = await perCommand(() => submitAll(atOnce));
    expect(overrun(submitting, most.submit)).toEqual([]);
    const executing = await perCommand(async () => {
      await startAgentHere(deployment, { concurrency: atOnce, types: [nothing], redisUrl: proxy.url });
      const redis = deployment.redis.client();
      await until(async () => (await redis.hget(keys.counts, 'COMPLETED')) === String(commands));
    });
    expect(overrun(executing, most.execute)).toEqual([]);
    // A figure of 0 would mean that nothing was measured.
    expect([submitting, executing].flatMap(Object.values).every((figure) => figure > 0)).toBe(true);
  },
);

/** In words what costs more than it may. */
const overrun = (cost: Readonly<Record<string, number>>, most: Readonly<Record<string, number>>) =>
  Object.entries(most).flatMap(([what, limit]) =>
    (cost[what] ?? Infinity) <= limit ? [] : [`${what} per command: ${cost[what]}, at most ${limit}`],
  );
