import { type CommandView } from '../../shared/protocol/commands.js';
import { Deployment } from '../../testing/deployment.js';
import { startAgentHere } from '../agent-here.js';
import { startServerHere } from '../server-here.js';
import { type LineOptions, runLine, type Told, whereIs } from './command-line.js';

export const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[57][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Parses the output of `--json`: a document a line. */
export const documents = (text: string) =>
  text
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** The program as it was built, and what it is pointed at. */
export interface Lines {
  readonly deployment: () => Deployment;
  readonly fencepost: (args: readonly string[], options?: LineOptions) => Promise<Told>;
  /** Submits by the program. @returns the id that it printed */
  readonly submit: (...args: readonly string[]) => Promise<string>;
  readonly read: (id: string) => Promise<CommandView>;
}

/** Starts a Redis, and in the test's own process a server and an agent, for all tests of a file. */
export function startLines(): Lines {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await Deployment.start({ servers: 0 });
    await startServerHere(deployment, { LEASE_MS: '600000' });
    await startAgentHere(deployment, { agentId: 'worker', concurrency: 4 });
  });
  afterAll(() => deployment.stop());
  const fencepost: Lines['fencepost'] = (args, options = {}) =>
    runLine(args, { ...options, env: { ...whereIs(deployment), ...options.env } });
  return {
    deployment: () => deployment,
    fencepost,
    submit: async (...args) => {
      const { code, stdout, stderr } = await fencepost(['submit', ...args]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout.trim()).toMatch(uuid);
      return stdout.trim();
    },
    read: async (id) => (await deployment.get(`/commands/${id}`)) as CommandView,
  };
}
