import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { InvalidCommandModuleError } from '../agent/command-modules.js';
import { defineCommand } from '../agent/commands/define-command.js';
import { takeDataDirectory } from '../agent/data-directory.js';
import { createAgent } from './agent.js';

let dataDir: string;
beforeEach(async () => (dataDir = await mkdtemp(join(tmpdir(), 'fencepost-library-'))));
afterEach(() => rm(dataDir, { recursive: true }));

/** A type whose payload has two parts, and an agent of it. It is never started as far as its server. */
function agentOf(left: z.ZodType, right: z.ZodType) {
  const pair = defineCommand({
    type: 'PAIR',
    payload: z.object({ left, right }),
    result: z.null(),
    timeoutMs: 1000,
    execute: () => Promise.resolve(null),
  });
  return createAgent({ commands: [pair], dataDir, agentId: 'a', serverUrl: 'http://127.0.0.1:9' });
}

test('schemas that cannot be announced are reported when an agent is made, not when it starts', () => {
  const [left, right] = [z.string().meta({ id: 'part' }), z.number().meta({ id: 'part' })];
  const make = () => agentOf(left, right);
  expect(make).toThrow(InvalidCommandModuleError);
  expect(make).toThrow('commands[0]: the schemas of PAIR have no JSON Schema: ');
});

test('an agent that could not be made holds no data directory', async () => {
  const [left, right] = [z.string(), z.number()];
  const agent = agentOf(left, right);
  // The ids of all schemas of a program are in one registry, which may change after an agent was made.
  z.globalRegistry.add(left, { id: 'part' }).add(right, { id: 'part' });
  await expect(agent.start()).rejects.toThrow('part');
  const journal = await takeDataDirectory(dataDir, 'a');
  expect(journal.identity.agentId).toBe('a');
  await journal.close();
});
