import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type NameHolder } from '../../shared/lifecycle/registration.js';
import { runAll } from '../../shared/store/command-reader.js';
import { type ServedQueues } from '../../shared/protocol/served-queues.js';
import { agentKey, type PartitionKeys } from '../../shared/store/keys.js';

/** The holder of an agent's name, and the newest of its sessions, at one moment. */
export interface AgentRegistration {
  /** '' when none was ever admitted. */
  readonly newest: string;
  readonly registration: RegistrationState | undefined;
}

export interface RegistrationState extends ServedQueues {
  readonly instance: string;
  readonly boot: number;
  readonly session: string;
  readonly host: string;
  readonly pid: string;
  /** Redis time in ms. */
  readonly lastSeen: number;
  readonly silentMs: number;
  /** How long until the holder counts as gone; 0 when it does. */
  readonly leaseLeftMs: number;
  readonly types: readonly string[];
  /** Whether its session is to take no more commands. */
  readonly draining: boolean;
}

const fields = [
  'instance',
  'boot',
  'session',
  'host',
  'pid',
  'lastSeen',
  'leaseMs',
  'queues',
  'weights',
  'types',
  'draining',
] as const;

const text = z
  .string()
  .nullable()
  .transform((value) => value ?? '');
const number = text.transform((value) => (/^\d{1,16}$/.test(value) ? Number(value) : 0));
const list = text.transform((value) => (value === '' ? [] : value.split(',')));
/** Malformed numbers count as a holder that never sent a heartbeat, as in `register`. */
const rowSchema = z.tuple([z.string(), number, text, text, text, number, number, list, list, list, text]);
const timeSchema = z.tuple([z.coerce.number(), z.coerce.number()]);

/** Reads both in one round trip, since this precedes every start. */
export async function readRegistration(
  redis: Redis,
  keys: PartitionKeys,
  agentId: string,
): Promise<AgentRegistration> {
  const pipeline = redis
    .pipeline()
    .get(keys.session(agentId))
    .hmget(agentKey(agentId), ...fields)
    .time();
  const [newest, row, time] = await runAll(pipeline);
  const [seconds, micros] = timeSchema.parse(time);
  const nowMs = seconds * 1000 + Math.floor(micros / 1000);
  return {
    newest: typeof newest === 'string' ? newest : '',
    registration: registrationOf(rowSchema.safeParse(row).data, nowMs),
  };
}

function registrationOf(
  row: z.infer<typeof rowSchema> | undefined,
  nowMs: number,
): RegistrationState | undefined {
  if (!row) return undefined;
  const [instance, boot, session, host, pid, lastSeen, leaseMs, queues, weights, types, draining] = row;
  const left = lastSeen + leaseMs - nowMs;
  return {
    instance,
    boot,
    session,
    host,
    pid,
    lastSeen,
    silentMs: nowMs - lastSeen,
    // A clock that was set back must not lock the name for longer than a lease.
    leaseLeftMs: left > leaseMs ? 0 : Math.max(0, left),
    queues,
    weights: weightsOf(queues, weights),
    types,
    draining: draining !== '' && draining === session,
  };
}

/** Returns the weights of a registration, one per queue. Malformed ones, or those of other queues, count as none. */
export function weightsOf(queues: readonly string[], weights: readonly string[]): number[] | undefined {
  const isWhole =
    weights.length === queues.length && weights.every((weight) => /^[1-9]\d{0,3}$/.test(weight));
  return isWhole && weights.length > 0 ? weights.map(Number) : undefined;
}

/** Returns what another agent that wants the name must know of its holder. */
export const holderOf = (registration: RegistrationState): NameHolder => ({
  instance: registration.instance,
  session: registration.session,
  host: registration.host,
  pid: registration.pid,
  lastSeen: registration.lastSeen,
  leaseLeftMs: registration.leaseLeftMs,
});
