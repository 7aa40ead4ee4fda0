import { z } from 'zod';
import { version } from '../../../shared/runtime/version.js';
import { type Check, type Finding, ill, well } from '../check.js';

const indexSchema = z.object({ name: z.literal('fencepost'), version: z.string() });

export const versions: Check = {
  name: 'versions',
  about: 'server, agents and this program are of one version',
  needs: ['redis', 'server'],
  async look(patient) {
    const findings: Finding[] = [];
    const index = indexSchema.safeParse((await patient.ask('')).body).data;
    const why = 'an older one may not know a script, a field or a command type that the newer one relies on';
    const mend =
      'build and restart the older one; agents hand back what they have when they are told to stop';
    if (!index) {
      findings.push({
        what: `what answers at ${patient.serverUrl} is no Fencepost server`,
        why: 'nothing that is sent there becomes a command',
        mend: 'name the server in SERVER_URL, or with --server',
        commands: ['npx fencepost doctor --server http://127.0.0.1:3000'],
      });
    } else if (index.version !== version) {
      const what = `the server is Fencepost ${index.version}, this program ${version}`;
      findings.push({ what, why, mend, commands: ['git describe --always', 'npm run server'] });
    }
    for (const agent of await patient.agents()) {
      // An agent in another language may report no version.
      if (!agent.isLive || agent.version === undefined || agent.version === version) continue;
      const what = `${agent.agentId} (pid ${agent.pid} on ${agent.host}) is Fencepost ${agent.version}, this program ${version}`;
      findings.push({
        what,
        why,
        mend,
        commands: [`kill ${agent.pid}   # on ${agent.host}`, 'npm run agent'],
      });
    }
    return findings.length === 0 ? well(version) : ill('of several versions', ...findings);
  },
};
