import { type Mutant } from './mutant.js';

/** Guards that a cancel, or an operator's retry, might lack. */
export const controlMutants: readonly Mutant[] = [
  {
    name: 'cancel-ends-what-runs',
    file: 'shared/lifecycle/cancel.lua',
    text: "if command.status == 'RUNNING' then return request(command) end",
    replacement: "if command.status == 'RUNNING' then return endPending(command) end",
    breaks: [6, 8],
    imitates: 'a cancelled command has ended, whatever its agent is at',
  },
  {
    name: 'cancel-leaves-its-place',
    file: 'shared/lifecycle/cancel.lua',
    text: "  redis.pcall('ZREM', root .. 'scheduled', command.id)\n",
    replacement: '',
    breaks: [5],
    imitates: 'promote drops what is not PENDING any more, so no other script has to',
    needs: {
      mix: 'double',
      because: 'it needs many commands, of which a few are cancelled before their time',
    },
  },
  {
    name: 'lost-ignores-cancel',
    file: 'shared/lifecycle/prelude.lua',
    text: "local mayRetry = command.onAgentLost == 'retry' and not command.cancelRequestedAt",
    replacement: "local mayRetry = command.onAgentLost == 'retry'",
    breaks: [2],
    imitates: 'the next agent will be asked to stop, too',
    needs: {
      mix: 'kill=3,freeze=3',
      because: 'an agent must vanish between the request and its report',
    },
  },
  {
    name: 'retry-forgets-executed',
    file: 'shared/lifecycle/retry.lua',
    text: "redis.call('HDEL', commandOf(id), 'result',",
    replacement: "redis.call('HDEL', commandOf(id), 'executed', 'result',",
    breaks: [8],
    imitates: 'a new life begins with nothing executed',
  },
];
