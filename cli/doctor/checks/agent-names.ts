import { type Check, type Finding, ill, well } from '../check.js';
import { shownAs } from '../../../shared/protocol/sessions.js';
import { type Registered } from '../registrations.js';

/** An agent that is refused ends, and its supervisor starts it again, every few seconds. */
const freshMs = 60_000;

export const agentNames: Check = {
  name: 'agent-names',
  about: 'no agent wants a name that another one holds',
  needs: ['redis'],
  async look(patient) {
    const all = await patient.agents();
    // The name of a lost agent is free again: the next agent that wants it gets it.
    const wanted = all.filter(
      ({ isLive, refused, leaseMs }) => isLive && refused && refused.agoMs < Math.max(freshMs, 2 * leaseMs),
    );
    if (wanted.length === 0) return well(`${all.length} held, each by one agent`);
    return ill('wanted by two', ...wanted.map(taken));
  },
};

function taken({ agentId, host, pid, instance, refused }: Registered): Finding {
  const who = `pid ${pid} on ${host} (instance ${shownAs(instance)})`;
  return {
    what: `the name ${agentId} is held by ${who}, which is alive; pid ${refused?.pid ?? '?'} on ${refused?.host ?? '?'} wanted it ${Math.round((refused?.agoMs ?? 0) / 1000)} s ago and was refused`,
    why: 'two agents of one name would report for each other; the second one does not start, so there is one agent less than somebody thinks',
    mend: `give the second agent another AGENT_ID, or none, so that it makes one up; or, if the first one should not run, end that: pid ${pid} on ${host}`,
    commands: [`AGENT_ID=${agentId}-2 npm run agent`],
  };
}
