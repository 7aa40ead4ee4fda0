import { type Request, type Response } from 'express';
import { type z } from 'zod';
import { reportProgress } from '../../shared/lifecycle/progress.js';
import { progressBodySchema, type progressToldSchema } from '../../shared/protocol/agent-api.js';
import { limits } from '../../shared/protocol/commands.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type Endpoint } from '../http/endpoint.js';
import { parseBody } from '../http/json-body.js';
import { Problem } from '../http/problem.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { retryable } from '../http/retryable.js';

export interface ProgressRoutesOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
}

/** The endpoint by which agents report the progress of their attempts. */
export function progressRoutes({ link, keys }: ProgressRoutesOptions): Endpoint[] {
  const rate = new ProgressRate();

  async function storeProgress(request: Request, response: Response): Promise<void> {
    const { agentId, session = '', told } = parseBody(progressBodySchema, request);
    rate.count(agentId);
    // Taken as it was sent: zod's copy of it lacks keys named `__proto__`. It was just parsed, so it has this shape.
    const sent = (request.body as { told: { progress: unknown }[] }).told;
    const items = told.map(({ commandId, attempt, sequence }, i) => ({
      ...{ id: commandId.toLowerCase(), attempt, sequence },
      progress: JSON.stringify(sent[i]?.progress),
    }));
    const words = await link.call((redis) => reportProgress(redis, keys, agentId, session, items));
    const lost = told
      .filter((_, i) => words[i] === 'lost' || words[i] === 'gone')
      .map(({ commandId, attempt }) => ({ commandId, attempt }));
    response.json({ lost } satisfies z.input<typeof progressToldSchema>);
  }

  const endpoint: Endpoint = {
    method: 'post',
    path: '/commands/progress',
    about: 'for agents: update the progress of attempts',
    bodyBytes: limits.bodyBytes,
    handle: storeProgress,
  };
  return [retryable(endpoint)];
}

/** Calls that one agent may make here in a second; agents of this package make four. */
const mostPerSecond = 20;

/** Limits agents that report in a loop, since every call is written to Redis and sent to all clients that follow. */
class ProgressRate {
  /** The calls in the current second, by agentId. */
  readonly #calls = new Map<string, number>();
  #second = 0;

  /** @throws Problem when the agent has made too many calls */
  count(agentId: string): void {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) this.#calls.clear();
    this.#second = second;
    const calls = (this.#calls.get(agentId) ?? 0) + 1;
    this.#calls.set(agentId, calls);
    if (calls <= mostPerSecond) return;
    const detail = `progress may be sent ${mostPerSecond} times a second: send the latest of each attempt, up to 100 in one call. Nothing was stored`;
    throw new Problem('busy', detail, { headers: { 'Retry-After': '1' } });
  }
}
