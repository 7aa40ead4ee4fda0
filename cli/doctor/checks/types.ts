import { typeListSchema, type TypeView } from '../../../shared/protocol/api.js';
import { type Check, type Finding, fail, pass } from '../check.js';
import { type Snapshot } from '../snapshot.js';

export const types: Check = {
  name: 'types',
  about: 'announced schemas are usable, and agents agree on them',
  needs: ['redis', 'server'],
  async run(snapshot) {
    const { status, body } = await snapshot.ask('types');
    if (status === 503) return pass('not available: the server is not ready');
    const { types: all } = typeListSchema.parse(body);
    return fail(`${all.length} known`, ...all.flatMap((type) => examine(snapshot, type)));
  },
};

function examine({ serverUrl }: Snapshot, { type, schemaError, conflict }: TypeView): Finding[] {
  const findings: Finding[] = [];
  const look = `curl -s ${serverUrl}/types`;
  if (schemaError !== null) {
    findings.push({
      problem: `the schema that agents announced for ${type} cannot be used: ${schemaError}`,
      impact: 'every submission of this type is refused with invalid_type_schema',
      fix: 'fix the schema in the module of the type, and restart the agents that announce it',
      commands: [look, 'AGENT_COMMANDS=./my-commands.js npm run agent'],
    });
  }
  if (conflict !== null) {
    const who = conflict.versions.map(
      ({ digest, agents }) => `${digest} of ${agents.join(', ') || 'the server itself'}`,
    );
    findings.push({
      problem: `agents announce conflicting schemas of the type ${type}: ${who.length} versions, ${who.join('; ')}`,
      impact: `any of them may be given a command of this type, even if it cannot execute that. Meanwhile: ${conflict.note}`,
      fix: 'run one version of its module on all of them, and restart those with the other; or rename one of the two types',
      commands: [look, 'npx fencepost types --json'],
    });
  }
  return findings;
}
