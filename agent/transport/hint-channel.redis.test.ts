import { createLogger } from '../../shared/runtime/logger.js';
import { TestRedis } from '../../testing/redis-server.js';
import { requestOf, TcpProxy } from '../../testing/tcp-proxy.js';
import { HintChannel } from './hint-channel.js';

let redis: TestRedis;
beforeAll(async () => (redis = await TestRedis.start()));
afterAll(() => redis.stop());

test('one that is closed while it subscribes anew leaves no unhandled rejection', async () => {
  const proxy = await TcpProxy.start({ path: redis.socket });
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  const channel = new HintChannel({
    url: proxy.url,
    channelOf: () => 'hints',
    without: 'nothing',
    logger: createLogger({ side: 'agent', level: 'silent' }),
  });
  await new Promise<void>((begun) => channel.listen({ onMessage: () => undefined, onGap: begun }));
  const anew = proxy.holdNext(requestOf('subscribe'));
  proxy.reset();
  await anew.held;
  channel.close();
  await proxy.stop();
  // Node reports an unhandled rejection after the turn of the event loop in which the connection ended.
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

test('one that breaks while it subscribes anew is subscribed after all', async () => {
  const proxy = await TcpProxy.start({ path: redis.socket });
  const channel = new HintChannel({
    url: proxy.url,
    channelOf: () => 'hints',
    without: 'nothing',
    logger: createLogger({ side: 'agent', level: 'silent' }),
  });
  const heard: string[] = [];
  let news: () => void = () => undefined;
  channel.listen({
    onMessage: (message) => {
      heard.push(message);
      news();
    },
    onGap: () => {
      heard.push('gap');
      news();
    },
  });
  const until = async (what: string) => {
    while (!heard.includes(what)) await new Promise<void>((told) => (news = told));
  };
  await until('gap');
  for (let i = 0; i < 3; i++) {
    const anew = proxy.holdNext(requestOf('subscribe'));
    if (i === 0) proxy.reset();
    await anew.held;
    anew.drop();
  }
  heard.length = 0;
  await until('gap');
  await redis.client().publish('hints', 'a');
  await until('a');
  channel.close();
  await proxy.stop();
});
