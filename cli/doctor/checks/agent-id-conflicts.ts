import { type Check, type Finding, fail, pass } from '../check.js';
import { shownAs } from '../../../shared/protocol/sessions.js';
import { type Registered } from '../registrations.js';

/** An agent that is refused ends, and its supervisor starts it again, every few seconds. */
const freshMs = 60_000;

export const agentIdConflicts: Check = {
  name: 'agent-id-conflicts',
  about: 'no two agents claim the same id',
  needs: ['redis'],
  async run(snapshot) {
    const all = await snapshot.agents();
    // The name of a lost agent is free again: the next agent that wants it gets it.
    const wanted = all.filter(
      ({ isLive, refused, leaseMs }) => isLive && refused && refused.agoMs < Math.max(freshMs, 2 * leaseMs),
    );
    if (wanted.length === 0) return pass(`${all.length} held, each by one agent`);
    return fail('claimed by two', ...wanted.map(taken));
  },
};

function taken({ agentId, host, pid, instance, refused }: Registered): Finding {
  const who = `pid ${pid} on ${host} (instance ${shownAs(instance)})`;
  return {
    problem: `the name ${agentId} is held by ${who}, which is alive; pid ${refused?.pid ?? '?'} on ${refused?.host ?? '?'} claimed it ${Math.round((refused?.agoMs ?? 0) / 1000)} s ago and was refused`,
    impact:
      'two agents of one name would report for each other; the second one does not start, so there is one agent fewer than intended',
    fix: `give the second agent another AGENT_ID, or none, so that it generates one; or, if the first one should not run, stop that: pid ${pid} on ${host}`,
    commands: [`AGENT_ID=${agentId}-2 npm run agent`],
  };
}
