import { type Redis } from 'ioredis';
import { z } from 'zod';
import { defaults } from '../../shared/protocol/commands.js';
import { ifWrongType, runAll } from '../../shared/store/command-reader.js';
import { agentKey, agentsKey } from '../../shared/store/keys.js';

const list = z
  .string()
  .default('')
  .transform((text) => (text === '' ? [] : text.split(',')));

/** The hash that `register` writes. */
const registrationSchema = z.object({
  instance: z.string(),
  session: z.string().optional(),
  host: z.string().default(''),
  pid: z.string().default(''),
  version: z.string().optional(),
  queues: list,
  types: list,
  concurrency: z.coerce.number().int().optional(),
  leaseMs: z.coerce.number().int().positive(),
  lastSeen: z.coerce.number().int(),
  draining: z.string().optional(),
  refusedAt: z.coerce.number().int().optional(),
  refusedHost: z.string().default(''),
  refusedPid: z.string().default(''),
});

/** An agent as Redis knows it. Read past the server, which may be away. */
export interface Registered {
  readonly agentId: string;
  readonly instance: string;
  readonly session: string | undefined;
  readonly host: string;
  readonly pid: string;
  readonly version: string | undefined;
  readonly queues: readonly string[];
  /** Empty: all. */
  readonly types: readonly string[];
  readonly concurrency: number | undefined;
  readonly leaseMs: number;
  /** How long ago the agent was last seen. */
  readonly silentMs: number;
  readonly isLive: boolean;
  /** An operator wants it to take no more commands. */
  readonly isDraining: boolean;
  /** The process that last wanted its name and was refused, and how long ago. */
  readonly refused: { readonly host: string; readonly pid: string; readonly agoMs: number } | undefined;
}

/** @param nowMs Redis time */
export async function readRegistrations(redis: Redis, nowMs: number): Promise<Registered[]> {
  const ids = (await redis.smembers(agentsKey).catch(ifWrongType<string[]>([]))).sort();
  const hashes = await runAll(ids.reduce((batch, id) => batch.hgetall(agentKey(id)), redis.pipeline()));
  return ids.flatMap((agentId, i) => {
    // An empty hash means that the agent left. A malformed one counts as no agent.
    const hash = registrationSchema.safeParse(hashes[i]).data;
    if (!hash) return [];
    const { lastSeen, draining, refusedAt, refusedHost, refusedPid, queues, ...rest } = hash;
    const { version, concurrency, session } = hash;
    const silentMs = Math.max(0, nowMs - lastSeen);
    return [
      {
        agentId,
        ...rest,
        session,
        version,
        concurrency,
        // Agents that only ever polled did not register their queues.
        queues: queues.length > 0 ? queues : [defaults.queue],
        silentMs,
        isLive: silentMs < rest.leaseMs,
        isDraining: draining !== undefined && draining === session,
        refused:
          refusedAt === undefined
            ? undefined
            : { host: refusedHost, pid: refusedPid, agoMs: Math.max(0, nowMs - refusedAt) },
      },
    ];
  });
}
