import { redactPasswords } from '../shared/runtime/redact.js';

export interface Whereabouts {
  readonly serverUrl: string;
  readonly redisUrl: string;
  readonly dataDir: string;
  readonly agents: number;
  readonly pid: number;
}

/** Returns the text that `npm start` prints when it is up. */
export function whereToLook({ serverUrl, redisUrl, dataDir, agents, pid }: Whereabouts): string {
  const body = `'{"type": "DELAY", "payload": {"ms": 1000}}'`;
  return [
    '',
    `  Fencepost is up, with ${agents === 1 ? '1 agent' : `${agents} agents`}`,
    '',
    `  Look at it   ${serverUrl}/`,
    `  The API      ${serverUrl}/docs`,
    `  Try it       curl -s ${serverUrl}/commands -H 'content-type: application/json' -d ${body}`,
    `  Redis        ${redisCli(redisUrl)}`,
    `  Data         ${dataDir}`,
    `  Stop it      Ctrl-C, or kill ${pid}`,
    '',
    '',
  ].join('\n');
}

/** The `redis-cli` line for a Redis, without a command; a password is left out. */
export function redisCli(redisUrl: string): string {
  if (redisUrl.startsWith('unix://')) return `redis-cli -s ${redisUrl.slice('unix://'.length)}`;
  const { hostname, port, username, password, protocol, pathname } = new URL(redisUrl);
  const plain = username === '' && password === '' && protocol === 'redis:' && pathname.length <= 1;
  if (!plain) return `redis-cli -u ${redactPasswords(redisUrl)}`;
  const host = hostname === '127.0.0.1' || hostname === 'localhost' ? '' : ` -h ${hostname}`;
  return `redis-cli${host} -p ${port === '' ? 6379 : port}`;
}
