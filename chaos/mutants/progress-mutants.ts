import { type Mutant } from './mutant.js';

const wakesUp = {
  mix: 'freeze=2,agent-frozen-at-a-point=2,link',
  because: 'an agent must wake up late, and report its progress while another attempt runs',
} as const;

/** Guards that the reporting of progress, or its display, might lack. */
export const progressMutants: readonly Mutant[] = [
  {
    name: 'progress-ignores-marker',
    file: 'shared/lifecycle/progress.lua',
    text: "if command.status ~= 'RUNNING' or marker ~= attempt .. ':' .. agentId .. ':' .. session then return 'lost' end",
    replacement: "if command.status ~= 'RUNNING' then return 'lost' end",
    breaks: [4],
    imitates: 'it is RUNNING, so the agent that reports its progress must be the one that runs it',
    needs: wakesUp,
  },
  {
    name: 'progress-of-whoever-runs',
    file: 'shared/lifecycle/progress.lua',
    text: "if command.status ~= 'RUNNING' or marker ~= attempt .. ':' .. agentId .. ':' .. session then return 'lost' end",
    replacement:
      "attempt = string.match(marker or '', '^%d+')\n  if command.status ~= 'RUNNING' or not attempt then return 'lost' end",
    breaks: [6],
    imitates: 'a progress belongs to the attempt that runs, and the marker knows its number best',
    needs: wakesUp,
  },
  {
    name: 'progress-goes-back',
    file: 'shared/lifecycle/progress.lua',
    text: "  if isTold(command.progressOf, attempt, sequence) then return 'again' end\n",
    replacement: '',
    breaks: [4],
    imitates: 'an agent sends one progress after the other, so the last to come is the latest',
    needs: { mix: 'late=3,reply,link', because: 'a call must come after a later one' },
  },
  {
    name: 'progress-outlives-its-attempt',
    file: 'shared/store/command-reader.js',
    text: "status !== 'PENDING' && progressOf?.split(':')[0] === String(attempt)",
    replacement: 'progressOf !== null',
    breaks: [6],
    imitates: 'the progress that was reported last is the latest that is known',
    needs: { mix: 'kill=3,freeze', because: 'a client must look while another attempt is to follow' },
  },
];
