import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { v4 } from 'uuid';
import { z } from 'zod';
import { endProcesses, startProcess } from '../../shared/testing/processes.js';
import { repositoryRoot, TestRedis } from '../../shared/testing/redis-server.js';
import { operationOf } from '../testing/document.js';
import { EventClient } from '../testing/event-client.js';
import { type TestAnswer, TestApi } from '../testing/test-api.js';
import { operations } from './operations.js';
import { type PostmanCollection, type PostmanItem } from './postman-collection.js';

const path = join(repositoryRoot, 'docs/fencepost.postman_collection.json');
const collection = JSON.parse(readFileSync(path, 'utf8')) as PostmanCollection;
const items = collection.item.flatMap((folder) => folder.item);

let redis: TestRedis;
let api: TestApi;
beforeAll(async () => {
  redis = await TestRedis.start();
  const env = { PORT: '0', REDIS_URL: redis.url, LOG_LEVEL: 'info', LOG_PRETTY: 'false' };
  const line = await startProcess(['dist/server/main.js'], { env }).waitForLine(/"ready: http/);
  api = new TestApi(z.object({ url: z.string() }).parse(JSON.parse(line)).url);
});
afterAll(async () => {
  await endProcesses();
  await redis.stop();
});

/** What Postman does with a collection, as far as this one asks for it. */
class Runner {
  readonly #variables = new Map(collection.variable.map(({ key, value }) => [key, value]));

  constructor(url: string) {
    this.#variables.set('baseUrl', url);
  }

  async run({ request, event }: PostmanItem): Promise<Pick<TestAnswer, 'status'>> {
    const url = this.#fill(request.url.raw);
    const headers = request.header
      .filter(({ disabled }) => !disabled)
      .map(({ key, value }) => [key.toLowerCase(), this.#fill(value)] as const);
    if (url.endsWith('/events')) return openAndClose(url);
    const body = request.body && this.#fill(request.body.raw);
    const answer = await api.send(request.method, url.replace(api.url, ''), {
      body,
      headers: Object.fromEntries(headers),
    });
    // Its one script: what the answer names is what the next requests are about.
    const { commandId } = z.object({ commandId: z.string().optional() }).catch({}).parse(answer.body);
    if (event && commandId !== undefined) this.#variables.set('commandId', commandId);
    return answer;
  }

  #fill(text: string): string {
    return text.replaceAll(/\{\{(\$?\w+)\}\}/g, (_, name: string) => {
      const value = name === '$guid' ? v4() : this.#variables.get(name);
      if (value === undefined) throw new Error(`{{${name}}} is no variable of the collection`);
      return value;
    });
  }
}

/** A stream does not end: that it begins is all. */
async function openAndClose(url: string): Promise<Pick<TestAnswer, 'status'>> {
  const events = await EventClient.open(url);
  events.close();
  return { status: events.headers['content-type'] === 'text/event-stream' ? 200 : 0 };
}

test('every request works, from top to bottom, against a server that was just started', async () => {
  const runner = new Runner(api.url);
  const statuses: Record<string, number> = {};
  for (const item of items) statuses[item.name] = (await runner.run(item)).status;
  const refused = Object.entries(statuses).filter(([, status]) => status >= 300);
  // What was reported cannot be handed back any more: the one before it in the collection has done so.
  expect(refused).toEqual([['Hand a command back unexecuted', 409]]);
});

test('it has every operation, in the folder of its tag', () => {
  const found = collection.item.flatMap(({ name: tag, item }) =>
    item.map(({ request }) => {
      const operation = operationOf(request.method, `/${request.url.path.join('/')}`);
      return `${tag} ${operation?.id}`;
    }),
  );
  expect(new Set(found)).toEqual(new Set(operations.map(({ tag, id }) => `${tag} ${id}`)));
});

test('nothing in it is random, and nothing is of this machine', () => {
  const text = JSON.stringify(collection);
  expect(text).not.toMatch(/"_?(postman_)?id":/);
  expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
});
