import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import express, { json } from 'express';
import { v7 as uuid } from 'uuid';
import { z } from 'zod';
import { batchSchema, type Submission, submissionSchema } from '../../shared/protocol/commands.js';
import { exitWithParent, reportReady } from '../../shared/runtime/parent.js';
import { connectCommands } from '../../shared/store/connection.js';
import { bareStream } from './bare-stream.js';

// The least that a route can do that takes a command: it parses, validates with the same schema and makes
// one stream entry. It knows no types, keeps no status and checks nothing else. Its argument: Redis's URL.
const [redisUrl] = z.tuple([z.string()]).parse(process.argv.slice(2));

const redis = connectCommands(redisUrl);

async function store({ type, payload }: Submission): Promise<string> {
  const id = uuid();
  await redis.xadd(bareStream, '*', 'id', id, 'type', type, 'payload', JSON.stringify(payload));
  return id;
}

const app = express();
// Each would cost it time that Fencepost's server does not spend either.
app.disable('x-powered-by');
app.disable('etag');
app.use(json({ limit: '8mb' }));
app.post('/commands', async (request, response) => {
  response.status(202).json({ commandId: await store(submissionSchema.parse(request.body)) });
});
app.post('/commands/batch', async (request, response) => {
  const { commands } = batchSchema.parse(request.body);
  response.status(202).json({ commandIds: await Promise.all(commands.map(store)) });
});

async function main(): Promise<void> {
  // Express declares it as any; it is a request listener.
  const server = createServer((request, response) => void app(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  reportReady({ url: `http://127.0.0.1:${port}` });
}

process.once('SIGTERM', () => process.exit(0));
exitWithParent(() => Promise.resolve(), 0);
void main();
