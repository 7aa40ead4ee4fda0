import { HttpServer } from './http-server.js';
import { appWithoutRedis } from '../testing/app-without-redis.js';
import { TestApi } from '../testing/test-api.js';

const id = '01a2017b-11a3-743e-9db2-434e15005157';

// A stream of events is held without Redis; what asks for one more is refused before Redis is asked.
test.each([
  [{ inAll: 1, perPeer: 9 }, /\(MAX_HELD\)/],
  [{ inAll: 9, perPeer: 1 }, /\(MAX_HELD_PER_PEER\)/],
])('answers are held up to %j, and the refusal of the next request names the bound', async (held, name) => {
  const app = appWithoutRedis({ held });
  const listener = (...[request, response]: Parameters<HttpListener>) => void app(request, response);
  const server = new HttpServer({ listener, host: '127.0.0.1', port: 0, graceMs: 0 });
  await server.start();
  const api = new TestApi(server.url);
  const stream = await fetch(`${server.url}/events`);
  for (const path of ['/events', `/commands/${id}?wait=1`, '/commands/next?agentId=a&wait=1']) {
    const { status, headers, body } = await api.get(path);
    expect({ status, body }).toMatchObject({
      status: 503,
      body: { code: 'too_many_held', detail: expect.stringMatching(name) as string },
    });
    expect(headers['retry-after']).toBe('1');
  }
  // Requests that are answered at once are not counted.
  for (const path of [`/commands/${id}`, '/commands/next?agentId=a']) {
    expect(await api.get(path)).toMatchObject({ status: 503, body: { code: 'redis_unavailable' } });
  }
  await stream.body?.cancel();
  let again = await api.send('HEAD', '/events');
  const waits = () => api.get(`/commands/${id}?wait=1`);
  for (again = await waits(); (again.body as { code: string }).code === 'too_many_held';)
    again = await waits();
  expect(again.body).toMatchObject({ code: 'redis_unavailable' });
  await server.stop();
});

type HttpListener = ConstructorParameters<typeof HttpServer>[0]['listener'];
