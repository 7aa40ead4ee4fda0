import { z } from 'zod';
import { version } from '../../../shared/runtime/version.js';
import { type Check, type Finding, fail, pass } from '../check.js';

const indexSchema = z.object({ name: z.literal('fencepost'), version: z.string() });

export const versions: Check = {
  name: 'versions',
  about: 'server, agents and this program have the same version',
  needs: ['redis', 'server'],
  async run(snapshot) {
    const findings: Finding[] = [];
    const index = indexSchema.safeParse((await snapshot.ask('')).body).data;
    const impact =
      'an older one may not know a script, a field or a command type that the newer one relies on';
    const fix =
      'build and restart the older one; agents that are stopped release the commands that they have not started';
    if (!index) {
      findings.push({
        problem: `the server that answers at ${snapshot.serverUrl} is not a Fencepost server`,
        impact: 'no submission to it becomes a command',
        fix: 'name the server in SERVER_URL, or with --server',
        commands: ['npx fencepost doctor --server http://127.0.0.1:3000'],
      });
    } else if (index.version !== version) {
      const problem = `the server is Fencepost ${index.version}, this program ${version}`;
      findings.push({ problem, impact, fix, commands: ['git describe --always', 'npm run server'] });
    }
    for (const agent of await snapshot.agents()) {
      // An agent in another language may report no version.
      if (!agent.isLive || agent.version === undefined || agent.version === version) continue;
      const problem = `${agent.agentId} (pid ${agent.pid} on ${agent.host}) is Fencepost ${agent.version}, this program ${version}`;
      findings.push({
        problem,
        impact,
        fix,
        commands: [`kill ${agent.pid}   # on ${agent.host}`, 'npm run agent'],
      });
    }
    return findings.length === 0 ? pass(version) : fail('several versions', ...findings);
  },
};
