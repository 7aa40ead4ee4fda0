// `npm start` with the fakes beside this file instead of the real server and agent.
import { fileURLToPath } from 'node:url';
import { runStack } from '../../dist/cli/stack-program.js';

const beside = (name) => fileURLToPath(new URL(name, import.meta.url));

await runStack(process.argv.slice(2), { server: beside('server.mjs'), agent: beside('agent.mjs') });
