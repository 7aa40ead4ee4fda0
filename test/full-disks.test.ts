import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcesses, repositoryRoot, startProcess, type TestProcess } from '../testing/processes.js';
import { startAgentHere } from './agent-here.js';
import { fateOf, submit, undisturbed, viewOf, violationsIn } from './fate.js';
import { onTrial, type Trial } from './trial.js';

/**
 * The disk of an agent's data directory is full. No file of the agent may become longer than a few blocks: that
 * stops its writes where a full disk does, and needs no disk of its own.
 */

const commands = 12;
// No lease ends here, so recovery cannot mend a command that does not end well.
const leaseMs = '600000';
const main = join(repositoryRoot, 'dist/agent/main.js');

let directory: string;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'fencepost-limited-'))));
afterEach(async () => {
  await endProcesses();
  await rm(directory, { recursive: true });
});

/** An agent whose files may have so many blocks of 512 bytes each; Node ignores the signal that the kernel sends. */
async function startLimited({ deployment }: Trial, blocks: number): Promise<TestProcess> {
  const script = join(directory, 'limited.sh');
  await writeFile(script, `ulimit -f ${blocks} && exec '${process.execPath}' '${main}'\n`);
  return startProcess([script], {
    program: 'sh',
    env: {
      REDIS_URL: deployment.redis.url,
      DATA_DIR: deployment.dataDir,
      LEASE_MS: leaseMs,
      AGENT_CONCURRENCY: '2',
      LOG_PRETTY: 'false',
    },
  });
}

it('an agent that cannot keep outcomes any more says what to do and stops; with more room, the rest is done', () =>
  onTrial({ env: { LEASE_MS: leaseMs } }, async (trial) => {
    const { deployment } = trial;
    const ids = await Promise.all(Array.from({ length: commands }, () => submit(trial)));
    // Room for its identity and a few outcomes.
    const agent = await startLimited(trial, 4);
    expect(await agent.exited).toEqual({ code: 1, signal: null });
    const outcomes = join(deployment.dataDir, 'agents/1/outcomes');
    expect(agent.lines.filter((line) => line.includes('"level":"fatal"'))).toEqual([
      expect.stringMatching(
        `"outcomes cannot be kept in its journal .${outcomes}/.*\\.log: EFBIG: file too large, write.: raise the limit of file sizes .ulimit -f., and start it again; this process ends"`,
      ),
    ]);
    expect(agent.output).not.toContain('shutdown failed');
    const views = await Promise.all(ids.map((id) => viewOf(trial, id)));
    // The commands in flight ended well; the rest was not begun.
    expect(views.filter(({ status }) => status === 'COMPLETED').length).toBeGreaterThan(0);
    expect(views.filter(({ status }) => status === 'RUNNING')).toEqual([]);
    const waiting = views.filter(({ status }) => status === 'PENDING');
    expect(waiting.length).toBeGreaterThan(0);
    expect(waiting.map(({ attempt, losses }) => [attempt, losses])).toEqual(waiting.map(() => [0, 0]));
    await startAgentHere(deployment);
    for (const id of ids) expect(await fateOf(trial, id)).toEqual(undisturbed);
    expect(await violationsIn(trial)).toEqual([]);
  }));
