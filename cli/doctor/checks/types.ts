import { typeListSchema, type TypeView } from '../../../shared/protocol/api.js';
import { type Check, type Finding, ill, well } from '../check.js';
import { type Patient } from '../patient.js';

export const types: Check = {
  name: 'types',
  about: 'what agents announced of command types can be used, and agents agree on it',
  needs: ['redis', 'server'],
  async look(patient) {
    const { status, body } = await patient.ask('types');
    if (status === 503) return well('not told by a server that is not ready');
    const { types: all } = typeListSchema.parse(body);
    return ill(`${all.length} known`, ...all.flatMap((type) => examine(patient, type)));
  },
};

function examine({ serverUrl }: Patient, { type, fault, conflict }: TypeView): Finding[] {
  const findings: Finding[] = [];
  const look = `curl -s ${serverUrl}/types`;
  if (fault !== null) {
    findings.push({
      what: `the schema that agents announced for ${type} cannot be used: ${fault}`,
      why: 'every submission of this type is refused with unusable_type',
      mend: 'mend the schema in the module of the type, and restart the agents that announce it',
      commands: [look, 'AGENT_COMMANDS=./my-commands.js npm run agent'],
    });
  }
  if (conflict !== null) {
    const who = conflict.versions.map(
      ({ digest, agents }) => `${digest} of ${agents.join(', ') || 'the server itself'}`,
    );
    findings.push({
      what: `agents disagree on the type ${type}: they announce ${who.length} versions, ${who.join('; ')}`,
      why: `any of them may be given a command of this type, also one that it cannot execute. Meanwhile: ${conflict.note}`,
      mend: 'let all of them run one version of its module, and restart those with the other; or give one of the two types another name',
      commands: [look, 'npx fencepost types --json'],
    });
  }
  return findings;
}
