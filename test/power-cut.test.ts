import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { onAgentLostSchema } from '../shared/protocol/commands.js';
import { strikeAtFlag } from './agent-crash.js';
import { startAgentHere } from './agent-here.js';
import { fateOf, fateOfAnother, violationsIn } from './fate.js';
import { fates, lostAfter } from './fates.js';
import { onTrial, type Trial } from './trial.js';

/**
 * The power of an agent's machine is cut when an outcome is journalled and not reported. What its disk had not synced
 * is gone then; the process is killed, which leaves what the kernel has, and the test takes that away.
 */

// No test lives to see this lease run out: the agent that is back settles what it left.
const env = { LEASE_MS: '600000' };

/** @param bytes of its outcomes that the disk has */
function cutPower({ deployment }: Trial, bytes: number): void {
  const directory = join(deployment.dataDir, 'agents/1/outcomes');
  const [name = '', ...others] = readdirSync(directory);
  expect(others).toEqual([]);
  expect(readFileSync(join(directory, name)).length).toBeGreaterThan(bytes);
  truncateSync(join(directory, name), bytes);
}

describe.each(onAgentLostSchema.options)('onAgentLost %s', (policy) => {
  it.concurrent.each([
    ['nothing of it had been synced', 0],
    ['the disk has half a record', 60],
  ])('%s: the lost-agent policy holds, and nothing is executed twice by mistake', (_, bytes) =>
    onTrial({ env }, async (trial) => {
      const { id } = await strikeAtFlag(trial, 'journalled', 'SIGKILL', policy);
      cutPower(trial, bytes);
      await startAgentHere(trial.deployment);
      expect(await fateOf(trial, id)).toEqual(lostAfter([1])[policy]);
      expect(await fateOfAnother(trial)).toEqual(fates['report-sent'].restarted[policy]);
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );
});
