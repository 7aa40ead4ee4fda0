import { typeListSchema } from '../../../shared/protocol/api.js';
import { type Check, ill, well } from '../check.js';

export const types: Check = {
  name: 'types',
  about: 'what agents announced of command types can be used, and agents agree on it',
  needs: ['redis', 'server'],
  async look(patient) {
    const answer = typeListSchema.safeParse((await patient.ask('/types')).body).data;
    if (!answer) return well('not told by this server');
    const faulty = answer.types.filter(({ fault }) => fault !== null);
    const findings = faulty.map(({ type, fault }) => ({
      what: `the schema that agents announced for ${type} cannot be used: ${fault ?? ''}`,
      why: 'every submission of this type is refused with unusable_type',
      mend: 'mend the schema in the module of the type, and restart the agents that announce it',
      commands: [`curl -s ${patient.serverUrl}/types`, 'AGENT_COMMANDS=./my-commands.js npm run agent'],
    }));
    return ill(`${answer.types.length} known`, ...findings);
  },
};
