import { type Request, type Response } from 'express';
import { type z } from 'zod';
import { tellProgress } from '../../shared/lifecycle/progress.js';
import { progressBodySchema, type progressToldSchema } from '../../shared/protocol/agent-api.js';
import { limits } from '../../shared/protocol/commands.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type Endpoint } from '../http/endpoint.js';
import { parseBody } from '../http/json-body.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { repeatable } from './refusal.js';

export interface ProgressRoutesOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
}

/** How far attempts are, as their agents say it. */
export function progressRoutes({ link, keys }: ProgressRoutesOptions): Endpoint[] {
  async function storeProgress(request: Request, response: Response): Promise<void> {
    const { agentId, session = '', told } = parseBody(progressBodySchema, request);
    // As it was sent: zod's copy of it lacks keys named `__proto__`. Just parsed, so it has this shape.
    const sent = (request.body as { told: { progress: unknown }[] }).told;
    const items = told.map(({ commandId, attempt, sequence }, i) => ({
      ...{ id: commandId.toLowerCase(), attempt, sequence },
      progress: JSON.stringify(sent[i]?.progress),
    }));
    const words = await link.call((redis) => tellProgress(redis, keys, agentId, session, items));
    const lost = told
      .filter((_, i) => words[i] === 'lost' || words[i] === 'gone')
      .map(({ commandId, attempt }) => ({ commandId, attempt }));
    response.json({ lost } satisfies z.input<typeof progressToldSchema>);
  }

  const endpoint: Endpoint = {
    method: 'post',
    path: '/commands/progress',
    about: 'for agents: how far these attempts are',
    bodyBytes: limits.bodyBytes,
    handle: storeProgress,
  };
  return [repeatable(endpoint)];
}
