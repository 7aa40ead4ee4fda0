import { join } from 'node:path';
import { pause } from '../../shared/runtime/service.js';
import { ClientLog } from '../../testing/client-log.js';
import { judge } from '../../testing/invariants.js';
import { Ledger } from '../../testing/ledger.js';
import { Clients } from '../clients.js';
import { Dice } from '../dice.js';
import { explanations } from '../explanations.js';
import { FaultLog } from '../fault-log.js';
import { tellHistories } from '../histories.js';
import { ownType } from '../load.js';
import { readPending } from '../pending.js';
import { type FaultKind, type FaultRecord, type RoundRecord, type Sample } from '../record.js';
import { comesToRest, longestRestMs } from '../rest.js';
import { StallWatch } from '../stalls.js';
import { Watch } from '../watch.js';
import { type Hit, Listener } from './listener.js';
import { messagesPort } from './messages.js';
import { mustReachLedger } from './reach.js';
import { Roster } from './roster.js';
import { type LoadServiceConfig } from './settings.js';
import { checkIsEmpty, keepHistory, type RedisClients, ServerDesk, untilComplete } from './stage.js';

export interface LoadRoundOptions extends Omit<LoadServiceConfig, 'seed'> {
  readonly seed: number;
  readonly redisClients: RedisClients;
  /** Aborted: the load ends, and what was seen until then is checked. */
  readonly signal: AbortSignal;
  readonly onProgress: (sample: Sample, faults: readonly FaultRecord[]) => void;
}

const sampleMs = 500;
/** How long an effect may still be on its way at rest: longer than any answer of the ledger takes. */
const settleMs = 1000;
const longestHealMs = 60_000;
/** How long reading the pending commands may take: Redis may be away. */
const pendingMs = 800;

/** A round, and the kinds of faults that it could have. */
export interface PlayedRound {
  readonly round: RoundRecord;
  readonly kinds: readonly FaultKind[];
}

/** Plays one round inside a compose project: load until its time is over, while `chaos` reports what it hurts. */
export async function playLoad(options: LoadRoundOptions): Promise<PlayedRound> {
  const { seed, queues, serverUrl, leaseMs, retentionMs, redisClients, signal, redisDirectory } = options;
  const roster = new Roster(serverUrl);
  const hasOwnType = options.commands !== undefined;
  await untilComplete(serverUrl, roster, hasOwnType ? [ownType] : []);
  const redis = redisClients.client({ maxRetriesPerRequest: null, retryStrategy: () => 50 });
  await checkIsEmpty(redis);
  await keepHistory(redis);

  const began = performance.now();
  const beganAtMs = Date.now();
  const nowMs = () => Math.round(performance.now() - began);
  const over = new AbortController();
  const following = roster.follow(over.signal);
  const ledger = await Ledger.start({ name: options.ledgerName });
  const watch = await Watch.open(redisClients, nowMs);
  const log = new ClientLog();
  const faults = new FaultLog(watch, nowMs);
  const desk = new ServerDesk(serverUrl);
  const clients = new Clients({
    servers: [desk],
    load: { ledgerUrl: ledger.url, queues, hasOwnType },
    log,
    watch,
    retentionMs,
    diceOf: (client, purpose) => new Dice(seed, 'client', client, purpose),
    count: options.clients,
  });
  const pending = (agentId = '') =>
    Promise.race([readPending(redis, queues, agentId).catch(() => []), pause(pendingMs).then(() => [])]);
  const inFlight = async ({ kind, host }: Hit): Promise<readonly string[]> => {
    if (kind.startsWith('server')) return desk.underWay;
    if (kind.startsWith('Redis')) return [...(await pending()), ...desk.underWay];
    const agentId = roster.agentAt(host);
    return agentId === undefined ? [] : pending(agentId);
  };
  const listener = new Listener({ faults, seed, ended: () => watch.ended, inFlight });
  const samples: Sample[] = [];
  const sample = () => {
    const accepted = log.accepted().size;
    const last = { atMs: nowMs(), accepted, ended: watch.ended, open: Math.max(0, accepted - watch.ended) };
    samples.push(last);
    options.onProgress(last, faults.records);
  };
  const stalls = new StallWatch([], leaseMs);
  const timer = setInterval(sample, sampleMs);
  try {
    clients.start();
    await listener.start(messagesPort);
    await pause(options.durationSeconds * 1000, signal);
    listener.end();
    const isWhole = await Promise.race([
      listener.whole.then(() => true),
      pause(longestHealMs).then(() => false),
    ]);
    if (!isWhole) listener.troubles.push('chaos has not said that everything is whole again');

    const healedMs = nowMs();
    const areDone = await clients.finish(longestRestMs(leaseMs));
    const isAtRest = await comesToRest(redis, queues, longestRestMs(leaseMs));
    const restMs = isAtRest && areDone ? nowMs() - healedMs : null;
    await faults.close((id) => clients.idsOf(id));
    sample();
    const agentsIn = (target: string) =>
      [...(listener.hosts.get(target) ?? [])].flatMap((host) => roster.everAt(host));
    const { violations, counts } = await judge({
      clients: log,
      ledger,
      aof: join(redisDirectory, 'appendonlydir'),
      redis,
      retentionMs,
      settleMs,
      aimsAtLedger: (fields) =>
        mustReachLedger(fields, { ledgerUrl: ledger.url, faults: faults.records, agentsIn, beganAtMs }),
      faults: explanations(faults.records, {
        agents: [...listener.hosts.keys()].map((name) => ({
          name,
          identities: agentsIn(name),
          transport: 'redis',
        })),
        leaseMs,
        beganAtMs,
        endedMs: nowMs(),
        // Connections of a container that was cut off are found dead only after a while.
        afterMs: leaseMs,
        stalls: stalls.stalls,
      }),
    });
    const round: RoundRecord = {
      number: 1,
      seed,
      agents: Array.from({ length: roster.size }, () => 'redis' as const),
      servers: 1,
      leaseMs,
      durationMs: nowMs(),
      restMs,
      faults: faults.records,
      samples,
      // No proxy watches the wire between containers: the history checker's late reports are the only evidence.
      tally: {
        zombiesRefused: 0,
        resentAbsorbed: 0,
        lateRefused: 0,
        submissionsDeduplicated: 0,
        doubledEntriesAbsorbed: 0,
      },
      stalls: stalls.stalls.length,
      counts,
      violations,
      mix: clients.mix,
      histories: await tellHistories(violations, {
        redisDirectory,
        clients: log,
        hits: ledger.hits(),
        faults: faults.records,
        processes: [],
        beganAtMs,
      }),
      troubles: [...listener.troubles, ...clients.troubles],
    };
    return { round, kinds: listener.kinds };
  } finally {
    clearInterval(timer);
    stalls.stop();
    over.abort();
    await following;
    watch.close();
    await listener.stop();
    await ledger.stop();
  }
}
