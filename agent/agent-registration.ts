import { backoffMs } from '../shared/runtime/backoff.js';
import { type Logger } from '../shared/runtime/logger.js';
import { pause } from '../shared/runtime/service.js';
import { SchemaVersionError } from '../shared/store/meta.js';
import { UnusableRedisError } from '../shared/store/unusable-redis.js';
import { type Transport } from './transport/transport.js';

/** The agent's name is held by another live process. The message names it. */
export class AgentIdTakenError extends Error {
  override readonly name = 'AgentIdTakenError';
}

export interface RegisterAgentOptions {
  readonly transport: Pick<Transport, 'register'>;
  readonly leaseMs: number;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/**
 * Registers this agent, and retries while Redis is away. While another instance holds the name it waits for the
 * lease of that instance to end, once: a holder that sends a heartbeat meanwhile is alive.
 *
 * @throws AgentIdTakenError, and UnusableRedisError or SchemaVersionError where the Redis cannot be used
 */
export async function registerAgent({
  transport,
  leaseMs,
  signal,
  logger,
}: RegisterAgentOptions): Promise<void> {
  let heardOf = 0;
  for (let tries = 1; !signal.aborted; tries++) {
    const reply = await transport.register().catch((error: unknown) => {
      // No waiting mends these.
      if (error instanceof UnusableRedisError || error instanceof SchemaVersionError) throw error;
      if (tries === 1) logger.warn({ err: error }, 'Fencepost does not answer; retrying');
      return undefined;
    });
    if (reply?.word === 'ok') return;
    if (reply?.word === 'old-session')
      throw new AgentIdTakenError('a newer session of this agent is registered');
    if (!reply) {
      await pause(backoffMs(tries, { firstMs: 50, maxMs: 500 }), signal);
      continue;
    }
    const { host, pid, lastSeen, leaseLeftMs } = reply.holder;
    const who = `pid ${pid} on ${host}, last seen at ${new Date(lastSeen).toISOString()}`;
    if (heardOf !== 0 && lastSeen > heardOf)
      throw new AgentIdTakenError(`another agent holds this name: ${who}`);
    heardOf = lastSeen;
    logger.warn(
      `this name is held by ${who}; waiting up to ${Math.ceil(leaseLeftMs / 1000)} s to see whether it is gone`,
    );
    await pause(Math.min(leaseLeftMs, leaseMs) + 50, signal);
  }
}
