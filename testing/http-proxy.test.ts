import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { HttpProxy } from './http-proxy.js';
import { atOnce } from './paced-writer.js';

describe('the HTTP proxy', () => {
  const arrived: string[] = [];
  let target: Server;
  let proxy: HttpProxy;

  beforeAll(async () => {
    target = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        arrived.push(`${request.method} ${request.url} ${body}`);
        target.emit('arrived', response);
        if (request.url === '/held') return;
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ got: body }));
      });
    });
    target.listen(0, '127.0.0.1');
    await once(target, 'listening');
  });
  afterAll(() => void target.close());
  beforeEach(async () => {
    arrived.length = 0;
    proxy = await HttpProxy.start(`http://127.0.0.1:${(target.address() as AddressInfo).port}`);
  });
  afterEach(() => proxy.stop());

  const put = async (path: string, body: string) => {
    const answer = await fetch(new URL(path, proxy.url), { method: 'PUT', body });
    return answer.text();
  };

  test('passes everything through', async () => {
    expect(await put('/a?b=c', 'né')).toBe('{"got":"né"}');
    expect(arrived).toEqual(['PUT /a?b=c né']);
  });

  test('takes a request off the wire, breaks its connection, and delivers it when its sender has given up', async () => {
    const late = proxy.holdNext(({ path }) => path === '/late');
    await expect(put('/late', 'x')).rejects.toThrow();
    expect(await late.held).toMatchObject({ method: 'PUT', path: '/late' });
    expect(await put('/other', 'y')).toBe('{"got":"y"}');
    expect(arrived).toEqual(['PUT /other y']);
    expect(await late.deliver()).toMatchObject({ status: 200, body: '{"got":"x"}' });
    expect(arrived).toEqual(['PUT /other y', 'PUT /late x']);
    expect(proxy.traffic.keptBack).toBeGreaterThan('PUT/latex'.length);
  });

  test('breaks the connection of a late request that is not answered, when asked to', async () => {
    const late = proxy.holdNext(() => true);
    await expect(put('/held', 'x')).rejects.toThrow();
    await late.held;
    const broken = new AbortController();
    const whenArrived = once(target, 'arrived') as Promise<[ServerResponse]>;
    const answer = late.deliver(broken.signal);
    const [response] = await whenArrived;
    const closed = once(response, 'close');
    broken.abort();
    await expect(answer).rejects.toThrow();
    await closed;
  });

  test('loses an answer to a request that has arrived', async () => {
    const { lost } = proxy.loseAnswer(({ path }) => path === '/a');
    await expect(put('/a', 'x')).rejects.toThrow();
    expect(await lost).toMatchObject({ status: 200, body: '{"got":"x"}' });
    expect(arrived).toEqual(['PUT /a x']);
    expect(proxy.traffic.dropped).toBe('{"got":"x"}'.length);
  });

  test('what is forgotten hits nothing', async () => {
    proxy.holdNext(() => true).forget();
    proxy.loseAnswer(() => true).forget();
    expect(await put('/a', 'x')).toBe('{"got":"x"}');
  });

  test('a line that is half open lets requests arrive, and keeps answers until it heals', async () => {
    proxy.cutAnswers();
    const answer = put('/a', 'x');
    while (proxy.traffic.keptBack === 0) await new Promise((turn) => setImmediate(turn));
    expect(arrived).toEqual(['PUT /a x']);
    proxy.heal();
    expect(await answer).toBe('{"got":"x"}');
  });

  test('a cut line drops what is sent over it', async () => {
    proxy.cut();
    await expect(put('/a', 'x')).rejects.toThrow();
    expect(arrived).toEqual([]);
    expect(proxy.traffic.dropped).toBeGreaterThan(0);
    proxy.heal();
    expect(await put('/a', 'x')).toBe('{"got":"x"}');
  });

  test('delays requests and answers, slices answers, and counts both', async () => {
    proxy.setPace({ delayMs: 30, sliceBytes: 2 });
    const began = performance.now();
    expect(await put('/a', 'x')).toBe('{"got":"x"}');
    // Timers may fire a millisecond early.
    expect(performance.now() - began).toBeGreaterThan(55);
    expect(proxy.traffic).toMatchObject({ slices: Math.ceil('{"got":"x"}'.length / 2) });
    expect(proxy.traffic.delayed).toBeGreaterThan(0);
    proxy.setPace(atOnce);
    expect(await put('/a', 'y')).toBe('{"got":"y"}');
    expect(proxy.traffic.slices).toBe(Math.ceil('{"got":"x"}'.length / 2));
  });
});
