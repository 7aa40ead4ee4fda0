import { ClientLog } from '../shared/testing/client-log.js';
import { Deployment, type ServerProcess } from '../shared/testing/deployment.js';
import { Ledger } from '../shared/testing/ledger.js';
import { type TestProcess } from '../shared/testing/processes.js';
import { seededRandom } from '../shared/testing/random.js';

/**
 * An upgrade, as it is seen from Redis: servers and agents of the version before and of this one work side by side, over
 * both transports, and any of them dies by SIGKILL. `.ci/upgrade` builds the version before and runs this.
 */

const previous = process.env['PREVIOUS_VERSION'];
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const [commands, kills] = [2000, 30];
const transports = ['redis', 'http'] as const;

/** Something that dies, and is started again by the same data directory and version, or on the same port. */
interface Mortal {
  readonly process: TestProcess;
  readonly again: () => Promise<Mortal>;
}

let deployment: Deployment;
let ledger: Ledger;
const clients = new ClientLog();

async function startServer(version: string | undefined, port?: number): Promise<Mortal & ServerProcess> {
  const server = await deployment.startServer({ version, port });
  return { ...server, again: () => startServer(version, server.port) };
}

async function startAgent(
  version: string | undefined,
  transport: (typeof transports)[number],
  name: string,
): Promise<Mortal> {
  const process = await deployment.startAgent({ version, transport, env: { AGENT_ID: name } });
  return { process, again: () => startAgent(version, transport, name) };
}

/** As a client should: with the same keys until it is accepted, at whichever server answers. */
async function submitAll(urls: readonly string[]): Promise<void> {
  for (let i = 0; i < commands; i++) {
    const submission = {
      type: 'HTTP_GET_JSON',
      payload: { url: ledger.url },
      ...(i % 2 === 0 ? { onAgentLost: 'retry' as const } : {}),
    };
    for (let tries = i; ; tries++) {
      const { outcome } = await clients.submit(urls[tries % urls.length] as string, submission, {
        idempotencyKey: `u-${i}`,
      });
      if (outcome === 'accepted') break;
    }
  }
}

const title = `two versions, ${commands} commands, ${kills} kills: nothing is lost, nothing is doubled (SEED=${seed})`;
if (previous === undefined) {
  test.skip(`${title}: needs a version before, see .ci/upgrade`, () => undefined);
} else {
  afterAll(async () => {
    await deployment.stop();
    await ledger.stop();
  });

  test(title, async () => {
    ledger = await Ledger.start({ delayMs: 20 });
    deployment = await Deployment.start({ servers: 0, env: { LEASE_MS: '4000', AGENT_CONCURRENCY: '4' } });
    const servers = [await startServer(previous), await startServer(undefined)];
    const mortals: Mortal[] = [...servers];
    for (const [name, version] of [
      ['before', previous],
      ['now', undefined],
    ] as const) {
      for (const transport of transports)
        mortals.push(await startAgent(version, transport, `${name}-${transport}`));
    }
    const submitting = submitAll(servers.map(({ url }) => url));
    const random = seededRandom(seed);
    for (let kill = 1; kill <= kills; kill++) {
      await ledger.waitForHits(Math.floor((kill * commands) / (kills + 1)));
      const at = Math.floor(random() * mortals.length);
      const victim = mortals[at] as Mortal;
      victim.process.kill('SIGKILL');
      await victim.process.exited;
      mortals[at] = await victim.again();
    }
    await submitting;
    await deployment.settled(commands);
    const report = await deployment.judge({ clients, ledger, faults: 'any', settleMs: 1000 });
    expect(report.violations).toEqual([]);
    expect(report.counts).toMatchObject({ accepted: commands });
    // Whatever failed, failed because its agent was killed under it.
    expect(report.counts.failed).toBe(report.counts.byErrorCode.AGENT_LOST ?? 0);
    expect(report.counts.completed).toBeGreaterThan(commands - 4 * kills);
  });
}
