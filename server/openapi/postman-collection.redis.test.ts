import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import newman, { type NewmanRunSummary } from 'newman';
import { z } from 'zod';
import { endProcesses, startProcess } from '../../testing/processes.js';
import { repositoryRoot, TestRedis } from '../../testing/redis-server.js';
import { operationOf } from '../testing/document.js';
import { operations } from './operations.js';
import { type PostmanCollection } from './postman-collection.js';

const path = join(repositoryRoot, 'docs/reference/fencepost.postman_collection.json');
const collection = JSON.parse(readFileSync(path, 'utf8')) as PostmanCollection;
const items = collection.item.flatMap((folder) => folder.item);

let redis: TestRedis;
let url: string;
beforeAll(async () => {
  redis = await TestRedis.start();
  const env = { PORT: '0', REDIS_URL: redis.url, LOG_LEVEL: 'info', LOG_PRETTY: 'false' };
  const line = await startProcess(['dist/server/main.js'], { env }).waitForLine(/"ready: http/);
  url = z.object({ url: z.string() }).parse(JSON.parse(line)).url;
});
afterAll(async () => {
  await endProcesses();
  await redis.stop();
});

/** Runs the collection under newman, to its end. */
function runCollection(baseUrl: string): Promise<NewmanRunSummary> {
  const options = { collection: path, envVar: [{ key: 'baseUrl', value: baseUrl }] };
  return new Promise((resolve, reject) =>
    newman.run(options, (error, summary) => {
      if (error) reject(error);
      else resolve(summary);
    }),
  );
}

const failuresOf = ({ run }: NewmanRunSummary) =>
  run.failures.map(({ source, error }) => `${source?.name}: ${error.message}`);

test('newman runs it to its end, again and again against the same server, and every request works', async () => {
  const first = await runCollection(url);
  expect(failuresOf(first)).toEqual([]);
  const names = first.run.executions.map(({ item }) => item.name);
  expect(names).toEqual(
    items.map(({ name }) => name).filter((name) => !name.startsWith('Stream transitions')),
  );
  expect(failuresOf(await runCollection(url))).toEqual([]);
});

test('newman fails when the answers are not those of the document', async () => {
  const standIn = createServer((_, response) => response.writeHead(203).end('{}'));
  await new Promise<void>((resolve) => standIn.listen(0, '127.0.0.1', resolve));
  const { port } = standIn.address() as AddressInfo;
  const { run } = await runCollection(`http://127.0.0.1:${port}`);
  await new Promise((resolve) => standIn.close(resolve));
  expect(new Set(run.failures.map(({ source }) => source?.name))).toEqual(
    new Set(run.executions.map(({ item }) => item.name)),
  );
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
