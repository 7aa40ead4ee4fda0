import { join } from 'node:path';
import { z } from 'zod';
import { EventClient } from '../server/testing/event-client.js';
import { transitionEventSchema, typeListSchema } from '../shared/protocol/api.js';
import { repositoryRoot } from '../testing/processes.js';
import { isRunning } from '../testing/process-state.js';
import { fateOf, submit, undisturbed, viewOf, violationsIn } from './fate.js';
import { handlers, post } from './operations.js';
import { logged, onTrial, processesOf, testsOver, type Trial, until } from './trial.js';

/** Command types of one's own, from module to result, with real agents. In `npm test` some over one transport only. */

/** The output of `npm run build` for examples/run-program.ts. */
const example = {
  AGENT_COMMANDS: join(repositoryRoot, 'dist/examples/run-program.js'),
  RUN_PROGRAM_ALLOW: 'sh,echo',
};

const progressSchema = z.object({ lastLine: z.string() });

const countTo = (trial: Trial, number: number) =>
  submit(trial, { type: 'COUNT', payload: { url: trial.ledger.url, until: number } });

const progressOf = async (trial: Trial, id: string) => (await viewOf(trial, id)).progress;

describe.each(['redis', 'http'] as const)('an agent over %s', (transport) => {
  const it = testsOver(transport);

  it('redis', 'executes the types of a module, reports their progress, and logs what they say', () =>
    onTrial({ agents: 1, transport, env: handlers('several') }, async (trial) => {
      const { deployment } = trial;
      const stream = await EventClient.open(`${deployment.url}/events`);
      const id = await countTo(trial, 300);
      // The command works for a second and a half, which is long enough to see its progress.
      await until(async () => (await progressOf(trial, id)) !== null);
      expect(await fateOf(trial, id)).toEqual(undisturbed);
      expect(await viewOf(trial, id)).toMatchObject({ result: { counted: 300 } });

      await stream.until(({ data }) => (data as { status?: string } | undefined)?.status === 'COMPLETED');
      const events = stream.events.flatMap(({ data }) => transitionEventSchema.safeParse(data).data ?? []);
      stream.close();
      expect(events.filter(({ progress }) => progress === null).map(({ status }) => status)).toEqual([
        'PENDING',
        'RUNNING',
        'COMPLETED',
      ]);
      const told = events.flatMap(({ progress }) => (progress === null ? [] : [progress]));
      // Three hundred steps in a second and a half: only a few of them are reported.
      expect(told.length).toBeGreaterThan(0);
      expect(told.length).toBeLessThan(100);

      const [agent] = deployment.agents;
      expect(agent && logged(agent, 'counted')).toMatchObject([{ commandId: id, attempt: 1 }]);
      const [left, middle] = await Promise.all(
        ['LEFT', 'MIDDLE'].map((type) => submit(trial, { type, payload: null })),
      );
      expect(await fateOf(trial, left ?? '')).toMatchObject({ status: 'COMPLETED' });
      expect(await fateOf(trial, middle ?? '')).toMatchObject({ status: 'COMPLETED' });
      const { types } = typeListSchema.parse(await deployment.get('/types'));
      expect(types.map(({ type }) => type)).toEqual(
        expect.arrayContaining(['COUNT', 'LEFT', 'MIDDLE', 'RIGHT']),
      );
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );

  it('redis', 'that is killed leaves no progress to the next attempt', () =>
    onTrial({ agents: 1, transport, env: { ...handlers('several'), LEASE_MS: '2000' } }, async (trial) => {
      const { deployment, ledger } = trial;
      const payload = { url: ledger.url, until: 100_000 };
      const id = await submit(trial, { type: 'COUNT', payload, onAgentLost: 'retry' });
      await until(async () => (await progressOf(trial, id)) !== null);
      deployment.agents[0]?.kill('SIGKILL');
      // No agent is there to start it.
      await until(async () => (await viewOf(trial, id)).status === 'PENDING');
      expect(await viewOf(trial, id)).toMatchObject({ attempt: 1, losses: 1, progress: null });
      await deployment.startAgent();
      await until(async () => (await viewOf(trial, id)).attempt === 2);
      await until(async () => (await progressOf(trial, id)) !== null);
      await post(trial, `/commands/${id}/cancel`);
      expect(await fateOf(trial, id)).toMatchObject({ status: 'FAILED', code: 'CANCELLED', effects: [1, 2] });
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );

  it('http', 'runs programs by the example, and stops them when they are cancelled', () =>
    onTrial({ agents: 1, transport, env: example }, async (trial) => {
      const before = processesOf(trial);
      const echo = { program: 'echo', args: ['$HOME', 'and more'] };
      const done = await submit(trial, { type: 'RUN_PROGRAM', payload: echo });
      expect(await fateOf(trial, done)).toMatchObject({ status: 'COMPLETED' });
      expect(await viewOf(trial, done)).toMatchObject({
        result: { exitCode: 0, stdout: { text: '$HOME and more\n' } },
      });
      const script = 'trap "echo stopped; exit 4" TERM; sleep 1000 & echo at work; wait';
      const payload = { program: 'sh', args: ['-c', script] };
      const id = await submit(trial, { type: 'RUN_PROGRAM', payload, timeoutMs: 3_600_000 });
      await until(async () => JSON.stringify(await progressOf(trial, id)).includes('at work'));
      await post(trial, `/commands/${id}/cancel`);
      expect(await fateOf(trial, id)).toMatchObject({ status: 'FAILED', code: 'CANCELLED', executed: 'yes' });
      expect(await viewOf(trial, id)).toMatchObject({
        result: { exitCode: 4, stdout: { text: 'at work\nstopped\n' } },
      });
      expect(processesOf(trial)).toEqual(before);
    }),
  );
});

it.concurrent('a program that ignores SIGTERM does not outlive an agent that is stopped in good order', () =>
  onTrial({ agents: 1, env: { ...example, GRACE_MS: '300' } }, async (trial) => {
    const script = 'trap "" TERM; echo $$; sleep 1000';
    const payload = { program: 'sh', args: ['-c', script] };
    const id = await submit(trial, { type: 'RUN_PROGRAM', payload, timeoutMs: 3_600_000 });
    await until(async () => (await progressOf(trial, id)) !== null);
    const { lastLine } = progressSchema.parse(await progressOf(trial, id));
    const program = Number(lastLine);
    expect(isRunning(program)).toBe(true);
    const [agent] = trial.deployment.agents;
    agent?.kill('SIGTERM');
    expect(await agent?.exited).toEqual({ code: 0, signal: null });
    // The program was killed by then; that it is gone shows a moment later.
    await until(() => Promise.resolve(!isRunning(program)));
  }));

it.concurrent('a module with a fault stops the start, and says which file and what', () =>
  onTrial({}, async ({ deployment }) => {
    const file = join(repositoryRoot, 'test/handlers/faulty.mjs');
    const agent = await deployment.startAgent({ env: { AGENT_COMMANDS: file }, dontWait: true });
    expect(await agent.exited).toEqual({ code: 1, signal: null });
    expect(agent.lines).toEqual([
      `${file}, export faulty is no command type: execute: must be a function; excute: is not known, did you mean execute?`,
    ]);
  }));

it.concurrent('two agents with different versions of a type say so, once each, and the server refuses what not both accept', () =>
  onTrial({ servers: 1, env: { LEASE_MS: '3000' } }, async (trial) => {
    const { deployment } = trial;
    const [server] = deployment.servers;
    const start = (name: string) => deployment.startAgent({ env: { ...handlers(name), AGENT_ID: name } });
    const agents = [await start('several'), await start('several-next')];
    const said = 'other agents announce another version of these command types';
    const linesOf = (text: string, lines: readonly string[]) => lines.filter((line) => line.includes(text));
    await until(() => Promise.resolve(agents.every(({ lines }) => linesOf(said, lines).length > 0)));
    const { types } = typeListSchema.parse(await deployment.get('/types'));
    const conflicting = types.filter(({ conflict }) => conflict !== null);
    expect(
      conflicting.map(({ type, conflict }) => [
        type,
        conflict?.versions.flatMap(({ agents }) => agents).sort(),
      ]),
    ).toEqual([['COUNT', ['several', 'several-next']]]);
    await expect(countTo(trial, 1)).rejects.toThrow('was not accepted');
    expect(
      server && linesOf('agents announce conflicting schemas of a command type', server.process.lines),
    ).toHaveLength(1);
    agents[1]?.kill('SIGTERM');
    await agents[1]?.exited;
    await deployment.get('/types');
    expect(await fateOf(trial, await countTo(trial, 1))).toEqual(undisturbed);
    for (const { lines } of agents) expect(linesOf(said, lines)).toHaveLength(1);
  }));
