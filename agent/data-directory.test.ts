import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataDirectoryUnavailableError, takeDataDirectory } from './data-directory.js';
import { type Journal } from './journal.js';

let dataDir: string;
const open: Journal[] = [];

beforeEach(async () => (dataDir = await mkdtemp(join(tmpdir(), 'fencepost-agents-'))));
afterEach(async () => {
  await Promise.all(open.splice(0).map((journal) => journal.close()));
  await rm(dataDir, { recursive: true });
});

async function take(agentId?: string): Promise<Journal> {
  const journal = await takeDataDirectory(dataDir, agentId);
  open.push(journal);
  return journal;
}

it('gives two agents on one DATA_DIR a directory and a name each', async () => {
  const [first, second] = [await take(), await take()];
  expect(first.identity.agentId).toMatch(/^agent-1-[0-9a-f]{6}$/);
  expect(second.identity.agentId).toMatch(/^agent-2-[0-9a-f]{6}$/);
  expect(second.identity.instance).not.toBe(first.identity.instance);
});

it('gives an agent that comes back its directory, name and instance again, and a higher boot', async () => {
  const { identity: before } = await take();
  await open.pop()?.close();
  const { identity } = await take();
  const { agentId, instance, boot, session } = before;
  expect(identity).toMatchObject({ agentId, instance, earlier: [session] });
  expect(identity.boot).toBeGreaterThan(boot);
  expect(identity.session).not.toBe(session);
});

it('gives a named agent the directory of its name', async () => {
  expect((await take('billing-1')).identity).toMatchObject({ agentId: 'billing-1', earlier: [] });
});

it('refuses a second agent of one name, and says what to do', async () => {
  await take('billing-1');
  await expect(take('billing-1')).rejects.toThrow(/already runs .* another AGENT_ID/);
});

it("refuses a name that is another agent's directory", async () => {
  await take();
  await open.pop()?.close();
  await expect(take('1')).rejects.toThrow(/belongs to the agent agent-1-/);
});

it('says so when nothing can be written', async () => {
  await writeFile(join(dataDir, 'agents'), 'a file where a folder should be');
  await expect(take()).rejects.toThrow(DataDirectoryUnavailableError);
});
