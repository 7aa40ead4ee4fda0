// Stands in for an agent. `--refuse` is a fault in its configuration, `--deaf` makes it ignore SIGTERM.
import { exitWithParent, reportReady } from '../../dist/shared/runtime/parent.js';

const flags = process.argv.slice(2);
const { AGENT_ID, REDIS_URL, DATA_DIR, LEASE_MS } = process.env;
const say = (what, more = {}) =>
  console.log(JSON.stringify({ fake: 'agent', what, pid: process.pid, ...more }));

if (flags.includes('--refuse')) {
  console.error('unknown flag --refuse');
  process.exit(1);
}
exitWithParent(() => Promise.resolve(), 1000);
process.on('SIGTERM', () => {
  if (flags.includes('--deaf')) return;
  say('stopped');
  process.exit(0);
});
setInterval(() => undefined, 60_000);
say('up', { flags, AGENT_ID, REDIS_URL, DATA_DIR, LEASE_MS });
reportReady();
