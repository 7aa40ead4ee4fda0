import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Redis } from 'ioredis';
import { type Agent } from '../agent/agent.js';
import { recover } from '../shared/lifecycle/recovery.js';
import { report, reportAndStart, start } from '../shared/lifecycle/transitions.js';
import { type OnAgentLost } from '../shared/protocol/commands.js';
import { type AgentPoint } from '../shared/runtime/faults.js';
import { group, partitionKeys } from '../shared/store/keys.js';
import { untilFrozen } from '../testing/process-state.js';
import { type TestProcess } from '../testing/processes.js';
import { type AgentHereOptions, startAgentHere } from './agent-here.js';
import { submit } from './fate.js';
import { type Trial, until } from './trial.js';

/** An agent that came to a crash point with a command, and what is left of both. */
export interface Struck {
  readonly id: string;
  readonly agent: TestProcess;
}

/**
 * Starts an agent in a trial that has none, submits a command, and resolves when that agent has died
 * (SIGKILL) or was frozen (SIGSTOP) at `point` with it.
 */
export async function strike(
  trial: Trial,
  point: AgentPoint,
  signal: 'SIGKILL' | 'SIGSTOP',
  onAgentLost: OnAgentLost,
): Promise<Struck> {
  switch (point) {
    case 'entry-read':
      return strikeIdle(trial, signal, onAgentLost);
    case 'mid-execution':
      return strikeWhileItWaits(trial, signal, onAgentLost);
    case 'start-sent':
    case 'start-won':
    case 'executed':
    case 'journalled':
    case 'report-sent':
      return strikeAtFlag(trial, point, signal, onAgentLost);
  }
}

/** Resolves when this signal to the agent has had its effect. */
export async function untilStruck(agent: TestProcess, signal: 'SIGKILL' | 'SIGSTOP'): Promise<void> {
  if (signal === 'SIGSTOP') return untilFrozen(agent);
  const exit = await agent.exited;
  if (exit.signal !== 'SIGKILL') throw new Error(`ended by ${exit.signal ?? exit.code}\n${agent.output}`);
}

const flagOf = { SIGKILL: '--crash-at', SIGSTOP: '--freeze-at' } as const;

/** The command is there first: an agent that polls in vain comes to some points as well. */
export async function strikeAtFlag(
  trial: Trial,
  point: AgentPoint,
  signal: 'SIGKILL' | 'SIGSTOP',
  onAgentLost: OnAgentLost,
): Promise<Struck> {
  await loadScripts(trial);
  const id = await submit(trial, { onAgentLost });
  const agent = await trial.deployment.startAgent({ args: [`${flagOf[signal]}=${point}`], dontWait: true });
  await untilStruck(agent, signal);
  return { id, agent };
}

/**
 * An agent dies in the call that reports its first command and starts its second, or with the answer.
 *
 * @param point with the arrival that belongs to that call
 * @returns the ids of both
 */
export async function strikeInTurn(
  trial: Trial,
  point: 'start-sent:2' | 'report-sent:1' | 'start-won:2',
  onAgentLost: OnAgentLost,
): Promise<readonly [reported: string, started: string]> {
  await loadScripts(trial);
  const ids = [await submit(trial, { onAgentLost }), await submit(trial, { onAgentLost })] as const;
  const agent = await trial.deployment.startAgent({ args: [`--crash-at=${point}`], dontWait: true });
  await untilStruck(agent, 'SIGKILL');
  return ids;
}

/**
 * A Redis that has never seen a script refuses its SHA, and is sent its text next. An agent that dies in
 * between has asked for nothing.
 */
async function loadScripts({ deployment }: Trial): Promise<void> {
  const redis = deployment.redis.client();
  const nothing = { agentId: 'nobody', session: '', limit: 0, queues: [], types: [], inFlight: [] };
  await start(redis, partitionKeys(), nothing);
  await report(redis, partitionKeys(), []);
  await reportAndStart(redis, partitionKeys(), [], nothing);
}

/** Only an agent that waits in its blocking read reads an entry before it starts it. */
async function strikeIdle(
  trial: Trial,
  signal: 'SIGKILL' | 'SIGSTOP',
  onAgentLost: OnAgentLost,
): Promise<Struck> {
  const agent = await trial.deployment.startAgent({ args: [`${flagOf[signal]}=entry-read`] });
  const struck = untilStruck(agent, signal).then(() => 'struck' as const);
  await untilBlocked(trial);
  for (;;) {
    const id = await submit(trial, { onAgentLost });
    // Between two of its reads an agent finds a new command without reading its entry: the next one is struck, then.
    const executed = trial.ledger.waitForHits(1, id).then(() => 'executed' as const);
    if ((await Promise.race([struck, executed])) === 'struck') return { id, agent };
  }
}

async function untilBlocked({ deployment }: Trial): Promise<void> {
  const redis = deployment.redis.client();
  while (!/^blocked_clients:[1-9]/m.test(await redis.info('clients'))) await delay(5);
}

/** Strikes from outside, in the very middle: the agent's request has arrived, and the answer is held back for ever. */
async function strikeWhileItWaits(
  trial: Trial,
  signal: 'SIGKILL' | 'SIGSTOP',
  onAgentLost: OnAgentLost,
): Promise<Struck> {
  const id = await submit(trial, { onAgentLost });
  const hold = trial.ledger.hold(({ commandId, attempt }) => commandId === id && attempt === 1);
  const agent = await trial.deployment.startAgent();
  await hold.first;
  agent.kill(signal);
  await untilStruck(agent, signal);
  return { id, agent };
}

/** Resolves when the lease of a queue's oldest execution has run out, and recovery has not dealt with it. */
export async function untilOverdue({ deployment }: Trial, leaseMs: number, queue = 'default'): Promise<void> {
  const redis = deployment.redis.client();
  const stream = partitionKeys().stream(queue);
  while ((await redis.xpending(stream, group, 'IDLE', leaseMs, '-', '+', 1)).length === 0) await delay(20);
}

/**
 * Lets the leases of everything that is pending in a queue run out, whatever the clock shows: no test waits for
 * one, and a busy machine has all the time that it needs. Resolves when recovery has dealt with all of it.
 *
 * @param leaseMs of all agents and servers of the trial
 * @param queue that no live agent serves
 */
export async function endLeases(redis: Redis, leaseMs: number, queue = 'default'): Promise<void> {
  const keys = partitionKeys();
  const stream = keys.stream(queue);
  // Redis reads in turn from all connections that have sent something: after this, the dead agent's calls have
  // been carried out.
  for (let round = 0; round < 2; round++) await redis.ping();
  // The first recovery takes the time before it for an outage, after which leases hold for their full length.
  await recover(redis, keys, leaseMs);
  await redis.hset(keys.recovery, 'holdUntil', 0);
  await until(async () => {
    const pending = (await redis.xpending(stream, group, '-', '+', 100)) as [string, string][];
    for (const [entry, consumer] of pending) {
      await redis.call('XCLAIM', stream, group, consumer, 0, entry, 'IDLE', 2 * leaseMs, 'JUSTID');
    }
    await recover(redis, keys, leaseMs);
    return pending.length === 0;
  });
}

const elsewhere = ({ deployment }: Trial) => join(deployment.dataDir, 'elsewhere');

/** Starts an agent that has nothing in common with the others: as on another machine. */
export function startStranger(trial: Trial): Promise<TestProcess> {
  return trial.deployment.startAgent({ env: { DATA_DIR: elsewhere(trial) } });
}

/** Starts one in the test's own process instead, with all the options of `startAgentHere`. */
export function startStrangerHere(trial: Trial, options: AgentHereOptions = {}): Promise<Agent> {
  return startAgentHere(trial.deployment, { dataDir: elsewhere(trial), ...options });
}
