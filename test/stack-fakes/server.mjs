// Stands in for the server: listens on PORT, and is slow to leave when its supervisor was killed.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { exitWithParent, reportReady } from '../../dist/shared/runtime/parent.js';

const { PORT, HOST, REDIS_URL, MAX_BACKLOG, FAKE_SERVER_LINGERS_WHILE = '' } = process.env;
const say = (what, more = {}) =>
  console.log(JSON.stringify({ fake: 'server', what, pid: process.pid, ...more }));

/** Stays until the test takes the file away. */
async function linger() {
  while (existsSync(FAKE_SERVER_LINGERS_WHILE)) await pause(10);
}
exitWithParent(linger, 10_000);
process.on('SIGTERM', () => {
  say('stopped');
  process.exit(0);
});
createServer((_, response) => response.end('ok')).listen(Number(PORT), HOST, () => {
  say('up', { REDIS_URL, PORT, MAX_BACKLOG });
  reportReady();
});
