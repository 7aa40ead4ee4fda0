import { join } from 'node:path';
import { type ClientLog } from '../testing/client-log.js';
import { type Violation } from '../testing/invariants.js';
import { type Hit } from '../testing/ledger.js';
import { type TestProcess } from '../testing/processes.js';
import { readTransitions } from '../testing/transitions-log.js';
import { type FaultRecord } from './record.js';

export interface HistorySources {
  readonly redisDirectory: string;
  readonly clients: ClientLog;
  readonly hits: readonly Hit[];
  readonly faults: readonly FaultRecord[];
  /** All that ran in the round, also those that are dead. */
  readonly processes: readonly TestProcess[];
  /** Wall clock at the round's beginning. */
  readonly beganAtMs: number;
}

const mostCommands = 20;
const mostLines = 200;

interface Line {
  readonly atMs: number;
  readonly text: string;
}

/** The story of each command that a violation names, from all logs, in the order of their clocks. */
export async function tellHistories(
  violations: readonly Violation[],
  sources: HistorySources,
): Promise<Record<string, readonly string[]>> {
  const named = violations.flatMap(({ commandId }) => (commandId === null ? [] : [commandId]));
  const ids = [...new Set(named)].slice(0, mostCommands);
  if (ids.length === 0) return {};
  const stories = new Map<string, Line[]>(ids.map((id) => [id, []]));
  for await (const { commandId, atMs, where, statuses, claims, writes, history } of readTransitions(
    join(sources.redisDirectory, 'appendonlydir'),
  )) {
    const text = JSON.stringify({
      statuses,
      claims,
      history,
      writes: writes.map(({ args }) => args.join(' ')),
    });
    stories.get(commandId)?.push({ atMs, text: `Redis ${where}: ${text.slice(0, 1500)}` });
  }
  for (const id of ids) {
    const lines = [
      ...(stories.get(id) ?? []),
      ...ofLedger(id, sources),
      ...ofFaults(id, sources),
      ...ofProcesses(id, sources),
    ].sort((a, b) => a.atMs - b.atMs);
    stories.set(id, lines);
  }
  const begin = sources.beganAtMs;
  return Object.fromEntries(
    [...stories].map(([id, lines]) => {
      const told = lines.map(({ atMs, text }) => `+${Math.round(atMs - begin)} ms  ${text}`);
      return [id, [...told, ...ofClients(id, sources)].slice(0, mostLines)];
    }),
  );
}

function ofLedger(id: string, { hits }: HistorySources): Line[] {
  return hits
    .filter(({ commandId }) => commandId === id)
    .map(({ atMs, attempt, answer, answeredMs }) => ({
      atMs,
      text: `ledger: effect of attempt ${attempt}, receipt ${answer.receipt}, ${answeredMs === null ? 'never answered' : `answered ${answeredMs - atMs} ms later`}`,
    }));
}

function ofFaults(id: string, { faults, beganAtMs }: HistorySources): Line[] {
  return faults
    .filter(({ inFlight }) => inFlight.includes(id))
    .map(({ kind, target, point, injectedMs, proof, healedMs }) => ({
      atMs: beganAtMs + injectedMs,
      text: `fault: ${kind}, ${target}${point === null ? '' : ` at ${point}`}: ${proof}, healed at +${Math.round(healedMs ?? NaN)} ms`,
    }));
}

const timeIn = /"time":"([^"]+)"/;

function ofProcesses(id: string, { processes }: HistorySources): Line[] {
  return processes.flatMap((process) =>
    process.lines
      .filter((line) => line.includes(id))
      .map((line) => ({
        atMs: Date.parse(timeIn.exec(line)?.[1] ?? '') || 0,
        text: `process ${process.pid}: ${line.slice(0, 600)}`,
      })),
  );
}

/** The client log has an order of its own, and no clock. */
function ofClients(id: string, { clients }: HistorySources): string[] {
  const posts = clients.posts
    .filter(({ ids }) => ids.includes(id))
    .map(({ begin, idempotencyKey, outcome }) => ({ begin, text: `POST ${idempotencyKey}: ${outcome}` }));
  const operations = clients.operations
    .filter(({ commandId }) => commandId === id || commandId === null)
    .map(({ action, finishedAt, outcome }) => `client: ${action} ${finishedAt ?? ''}: ${outcome}`);
  const sightings = clients.sightings
    .filter(({ commandId }) => commandId === id)
    .map(({ begin, view }) => ({ begin, text: `GET: ${JSON.stringify(view).slice(0, 300)}` }));
  const inOrder = [...posts, ...sightings]
    .sort((a, b) => a.begin - b.begin)
    .map(({ begin, text }) => `client event ${begin}  ${text}`);
  return [...inOrder, ...operations];
}
