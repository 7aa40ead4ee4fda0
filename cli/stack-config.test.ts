import { childEnvironment, loadStackConfig, serverUrlOf } from './stack-config.js';

describe('the configuration of npm start', () => {
  test('is handed on to the children as it was resolved', () => {
    const { config, agentFlags } = loadStackConfig([
      '--port=4000',
      '--max-backlog=5',
      '--max-queues=6',
      '--keep-alive-ms=1000',
      '--max-connections=8',
      '--max-connections-per-peer=9',
      '--max-held=10',
      '--max-held-per-peer=11',
      '--retention-ms=60000',
      '--retention-max=7',
      '--server-workers=2',
      '--crash-at=start',
    ]);
    expect(agentFlags).toEqual(['--crash-at=start']);
    expect(childEnvironment(config, 'redis://r', false)).toMatchObject({
      PORT: '4000',
      REDIS_URL: 'redis://r',
      SERVER_URL: 'http://127.0.0.1:4000',
      LOG_PRETTY: 'false',
      MAX_BACKLOG: '5',
      MAX_QUEUES: '6',
      KEEP_ALIVE_MS: '1000',
      MAX_CONNECTIONS: '8',
      MAX_CONNECTIONS_PER_PEER: '9',
      MAX_HELD: '10',
      MAX_HELD_PER_PEER: '11',
      RETENTION_MS: '60000',
      RETENTION_MAX: '7',
      SERVER_WORKERS: '2',
      PATH: process.env.PATH,
    });
  });

  test('passes no unset setting to the children', () => {
    const { config } = loadStackConfig([]);
    expect(Object.keys(childEnvironment(config, 'redis://r', false))).not.toContain('MAX_BACKLOG');
  });

  test.each([
    ['127.0.0.1', 'http://127.0.0.1:1'],
    ['0.0.0.0', 'http://127.0.0.1:1'],
    ['::', 'http://[::1]:1'],
    ['fe80::1', 'http://[fe80::1]:1'],
    ['box.local', 'http://box.local:1'],
  ])('a server on HOST %s is reached at %s', (host, url) => {
    expect(serverUrlOf({ host, port: 1 })).toBe(url);
  });
});
