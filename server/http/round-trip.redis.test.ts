import { randomUUID } from 'node:crypto';
import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Request } from 'express';
import { jsonDepth } from '../../shared/protocol/bounds.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { seededRandom } from '../../testing/random.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { parseJson } from './json-body.js';
import { Problem } from './problem.js';
import { comesBack, isSame, jsonText, levelsOf, type Said, saidBy } from '../testing/json-texts.js';

// Payloads and results come back as they were written, through the API and Redis, or are refused by the name
// of their field. `GENERATED_VALUES=200000 npx jest round-trip` tries more, GENERATED_SEED the same ones again.

const howMany = Number(process.env.GENERATED_VALUES ?? 2000);
const seed = Number(process.env.GENERATED_SEED ?? Date.now() % 2 ** 31);

let redis: TestRedis;
let server: Server;
const connections = new Agent({ keepAlive: true, maxSockets: 1 });
beforeAll(async () => {
  redis = await TestRedis.start();
  const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
  const options = { host: '127.0.0.1', port: 0, leaseMs: 3_600_000, graceMs: 1000, maxBacklog: 10, logger };
  server = new Server({ ...options, redisUrl: redis.url });
  await server.start();
  const types = [{ type: 'ANY', payload: {}, result: {} }];
  await send('PUT', '/agents/a', JSON.stringify({ session: 's', types }));
  // Repeats until the server has read the announcement of the type.
  while (
    (await send('POST', '/commands/batch', '{"commands":[{"type":"ANY"}]}')).body.includes('unknown_type')
  );
});
afterAll(async () => {
  connections.destroy();
  await server.stop();
  await redis.stop();
});

/** Each is safe to send again, which a machine that is too busy for Redis makes necessary. */
async function send(method: string, path: string, body?: string) {
  const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
  for (;;) {
    const sent = request(`${server.url}${path}`, { method, agent: connections, headers });
    sent.end(body);
    const response = await new Promise<IncomingMessage>((answered, failed) => {
      sent.once('response', answered).once('error', failed);
    });
    const answer = { status: response.statusCode ?? 0, body: await text(response) };
    if (answer.status !== 503) return answer;
  }
}

/** Returns a member of an answer, to the last digit of its numbers. */
function memberOf(answer: string, name: string): Said {
  const said = saidBy(answer);
  const member = said.kind === 'object' ? said.members.find(([one]) => one === name) : undefined;
  if (!member) throw new Error(`${answer} has no ${name}`);
  return member[1];
}

/** Returns the field for which the server refuses a body, as it does for every route; undefined if it takes it. */
function fieldRefused(body: string): string | undefined {
  const request = { body: Buffer.from(body), headers: {} } as Request;
  try {
    parseJson(request);
    return undefined;
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 400) throw error;
    return error.errors[0]?.field ?? '';
  }
}

/** @returns whether it is taken; else there must be a reason, and the place of it */
function isTaken(written: string, name: 'payload' | 'result'): boolean {
  const said = saidBy(written);
  const isDeep = levelsOf(said) >= jsonDepth;
  const field = fieldRefused(`{"type":"ANY","${name}":${written}}`);
  if ((field === undefined) !== (comesBack(said) && !isDeep))
    throw new Error(`${written}: ${field ?? 'taken'}`);
  if (field === undefined) return true;
  if (field === 'body' ? isDeep : field.startsWith(name)) return false;
  throw new Error(`${written} was refused for ${field}`);
}

function expectSame(written: string, read: Said, where: string): void {
  if (!isSame(saidBy(written), read))
    throw new Error(`${where}: ${written} came back as ${JSON.stringify(read)}`);
}

/** To a handler and back, as a payload and as a result. */
async function goRound(payload: string, result: string): Promise<void> {
  const submitted = await send('POST', '/commands', `{"type":"ANY","payload":${payload}}`);
  if (submitted.status > 202) throw new Error(`${payload} was answered ${submitted.body}`);
  const next = await send('GET', '/commands/next?agentId=a&session=s');
  expectSame(payload, memberOf(next.body, 'payload'), 'the handler');
  const { commandId, attempt } = JSON.parse(next.body) as { commandId: string; attempt: number };
  const report = `{"agentId":"a","session":"s","attempt":${attempt},"status":"COMPLETED","result":${result}}`;
  const reported = await send('PUT', `/commands/${commandId}/result`, report);
  if (reported.status !== 200) throw new Error(`${result} was answered ${reported.body}`);
  const { body } = await send('GET', `/commands/${commandId}`);
  expectSame(payload, memberOf(body, 'payload'), 'the client');
  expectSame(result, memberOf(body, 'result'), 'the client');
}

/** Each is checked by itself; those that are taken go round together, since nothing looks into a payload. */
const together = 100;

test(
  `${howMany} payloads and as many results come back as they were written, or are refused by name`,
  async () => {
    const random = seededRandom(seed);
    const waiting = { payload: [] as string[], result: [] as string[] };
    const tried = { taken: 0, refused: 0 };
    const bundle = (name: 'payload' | 'result') => `[${waiting[name].splice(0).join(',')}]`;
    try {
      for (let i = 0; i < howMany; i++) {
        for (const name of ['payload', 'result'] as const) {
          // One level is for the bundle.
          const text = jsonText(random);
          const taken = isTaken(text, name);
          tried[taken ? 'taken' : 'refused']++;
          if (taken && levelsOf(saidBy(text)) < jsonDepth - 2) waiting[name].push(text);
        }
        if (waiting.payload.length >= together) await goRound(bundle('payload'), bundle('result'));
      }
      await goRound(bundle('payload'), bundle('result'));
    } catch (error) {
      const again = `GENERATED_SEED=${seed} GENERATED_VALUES=${howMany} npx jest server/http/round-trip`;
      throw new Error(again, { cause: error });
    }
    expect(Math.min(tried.taken, tried.refused)).toBeGreaterThan(howMany / 4);
  },
  240_000 + 10 * howMany,
);
