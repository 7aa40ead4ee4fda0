import { type AgentTransport } from '../testing/deployment.js';
import { type TestProcess } from '../testing/processes.js';
import { seededRandom } from '../testing/random.js';
import { onTrial, type Trial } from './trial.js';

/**
 * An upgrade: servers and agents of the version before and of this one work on one Redis, over both transports, and any
 * of them dies by SIGKILL; an agent of the version before may come back as one of this one, on its data directory.
 * `.ci/upgrade` builds the version before and runs this.
 */

const previous = process.env['PREVIOUS_VERSION'];
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const [commands, kills] = [2000, 30];
const env = { LEASE_MS: '4000', AGENT_CONCURRENCY: '4' };

/** A process that dies, and is started again: on the same port, or the same data directory. */
interface Mortal {
  readonly process: TestProcess;
  again(): Promise<Mortal>;
}

async function startServer(trial: Trial, version: string | undefined, port?: number) {
  const server = await trial.deployment.startServer({ version, port });
  return { ...server, again: () => startServer(trial, version, server.port) };
}

async function startAgent(
  trial: Trial,
  version: string | undefined,
  transport: AgentTransport,
  name: string,
): Promise<Mortal> {
  const process = await trial.deployment.startAgent({ version, transport, env: { AGENT_ID: name } });
  // Upgraded by its first death.
  return { process, again: () => startAgent(trial, undefined, transport, name) };
}

/** Submits as a client should: each command with its key until it is accepted, at whichever server answers. */
async function submitAll({ clients, ledger }: Trial, urls: readonly string[]): Promise<void> {
  for (let i = 0; i < commands; i++) {
    const payload = { url: ledger.url };
    const submission = {
      type: 'HTTP_GET_JSON',
      payload,
      ...(i % 2 === 0 ? { onAgentLost: 'retry' as const } : {}),
    };
    for (let at = i; ; at++) {
      const post = await clients.submit(urls[at % urls.length] as string, submission, {
        idempotencyKey: `u-${i}`,
      });
      if (post.outcome === 'refused') throw new Error(`submission ${i} was refused: ${post.refusal}`);
      if (post.outcome === 'accepted') break;
    }
  }
}

/** One of them each time that so many more executions have begun. */
async function killSome({ ledger }: Trial, mortals: Mortal[]): Promise<void> {
  const random = seededRandom(seed);
  for (let kill = 1; kill <= kills; kill++) {
    await ledger.waitForHits(Math.floor((kill * commands) / (kills + 1)));
    const at = Math.floor(random() * mortals.length);
    const victim = mortals[at] as Mortal;
    victim.process.kill('SIGKILL');
    await victim.process.exited;
    mortals[at] = await victim.again();
  }
}

const title = `${commands} commands, ${kills} kills: nothing is lost, nothing is doubled (SEED=${seed})`;
if (previous === undefined) {
  test.skip(`${title}: needs a version before, see .ci/upgrade`, () => undefined);
} else {
  test(title, () =>
    onTrial({ servers: 0, answerAfterMs: 20, env }, async (trial) => {
      const servers = [await startServer(trial, previous), await startServer(trial, undefined)];
      const mortals: Mortal[] = [...servers];
      for (const transport of ['redis', 'http'] as const) {
        mortals.push(await startAgent(trial, previous, transport, `before-${transport}`));
        mortals.push(await startAgent(trial, undefined, transport, `now-${transport}`));
      }
      const urls = servers.map(({ url }) => url);
      await Promise.all([submitAll(trial, urls), killSome(trial, mortals)]);
      const { deployment, clients, ledger } = trial;
      await deployment.settled(commands);
      const report = await deployment.judge({ clients, ledger, faults: 'any', settleMs: 1000 });
      expect(report.violations).toEqual([]);
      expect(report.counts).toMatchObject({ accepted: commands });
      // A command failed only because its agent was killed while it executed it.
      expect(report.counts.failed).toBe(report.counts.byErrorCode.AGENT_LOST ?? 0);
      expect(report.counts.completed).toBeGreaterThan(commands - 4 * kills);
    }),
  );
}
