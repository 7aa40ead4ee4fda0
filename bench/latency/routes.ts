import { QueueEvents } from 'bullmq';
import { pino } from 'pino';
import { Client } from 'undici';
import { v7 as uuid } from 'uuid';
import { z } from 'zod';
import { TransitionFeed } from '../../server/events/transition-feed.js';
import { submittedSchema } from '../../shared/protocol/api.js';
import { type TestRedis } from '../../testing/redis-server.js';
import { type BullMq, closeBullMq, connectionTo } from '../bullmq.js';
import { type Fencepost } from '../fencepost.js';
import { load } from '../load.js';

/** A way to have one command executed, and to learn of its end. */
export interface Route {
  readonly name: string;
  /** Resolves when it is known here that the command is completed. @throws when it failed */
  execute(): Promise<void>;
  stop(): Promise<void>;
}

/** The server's way: submitted by its `Submitter`, the end reported by Fencepost's channel. */
export async function brokerRoute(redis: TestRedis, fencepost: Fencepost): Promise<Route> {
  const feed = new TransitionFeed({
    url: redis.url,
    logger: pino({ level: 'warn' }),
  });
  // The feed subscribes by itself, some time after its start: nothing may be submitted before.
  const subscribed = new Promise<void>((resolve) => {
    feed.listenToAll({ onTransition: () => undefined, onGap: resolve });
  });
  await feed.start();
  await subscribed;
  return {
    name: 'Fencepost',
    execute: () =>
      new Promise((completed, failed) => {
        const id = uuid();
        const forget = feed.listen(id, {
          onTransition: ({ status }) => {
            if (status === 'PENDING' || status === 'RUNNING') return;
            forget();
            if (status === 'COMPLETED') completed();
            else failed(new Error(`command ${id} is ${status}`));
          },
          onGap: () => undefined,
        });
        fencepost.submitAs(id).catch(failed);
      }),
    stop: () => feed.stop(),
  };
}

/** BullMQ's way: submitted by `add`, the end reported by its event stream, which `QueueEvents` reads. */
export async function bullMqRoute(redis: TestRedis, bullmq: BullMq): Promise<Route> {
  const events = new QueueEvents(bullmq.queueName, { connection: connectionTo(redis.socket) });
  events.on('error', () => undefined);
  const waiting = new Map<string, () => void>();
  let fail: (error: Error) => void = () => undefined;
  events.on('completed', ({ jobId }) => waiting.get(jobId)?.());
  events.on('failed', ({ jobId, failedReason }) => fail(new Error(`job ${jobId} failed: ${failedReason}`)));
  await events.waitUntilReady();
  return {
    name: 'BullMQ',
    execute: () =>
      new Promise((completed, failed) => {
        const id = uuid();
        fail = failed;
        waiting.set(id, () => {
          waiting.delete(id);
          completed();
        });
        bullmq.submitAs(id).catch(failed);
      }),
    stop: () => closeBullMq(events),
  };
}

const statusSchema = z.object({ status: z.string() });

/** A client's way: `POST /commands`, then `GET /commands/:id?wait=20`, over one kept connection. */
export function httpRoute(url: string): Route {
  const client = new Client(url);
  const ask = async (method: 'GET' | 'POST', path: string, body?: string): Promise<unknown> => {
    const answer = await client.request({
      method,
      path,
      ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
    return JSON.parse(text);
  };
  const command = JSON.stringify({ type: load.type, payload: load.payload });
  return {
    name: 'Fencepost over HTTP',
    execute: async () => {
      const { commandId } = submittedSchema.parse(await ask('POST', '/commands', command));
      const { status } = statusSchema.parse(await ask('GET', `/commands/${commandId}?wait=20`));
      if (status !== 'COMPLETED') throw new Error(`command ${commandId} is ${status}`);
    },
    stop: () => client.destroy(),
  };
}
