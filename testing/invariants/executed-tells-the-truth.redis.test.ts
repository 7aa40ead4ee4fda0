import { also, keys } from '../hand-made-run.js';
import { findings, type Plant } from './planted.js';

const plants: readonly Plant[] = [
  {
    name: 'an effect of a command that was not executed, it says',
    plant: async (run) => {
      await run.started('c');
      await run.effect('c');
      await run.fail('c', 'CANCELLED', 'no');
    },
    found: ['8 c: it is said not to have been executed, but it had an effect'],
  },

  {
    name: 'no effect of a command that was executed, it says',
    plant: async (run) => {
      await run.started('c');
      await run.fail('c', 'EXECUTION_FAILED', 'yes');
    },
    found: ['8 c: it is said to have been executed, but it had no effect'],
  },

  {
    name: 'no effect of a command that was executed and never lost, and has expired',
    plant: async (run) => {
      await run.started('c');
      await run.fail('c', 'EXPIRED', 'yes');
    },
    found: ['8 c: it is said to have been executed, but it had no effect'],
  },

  {
    name: 'nothing, where the handler of a lost attempt had no time for its effect, and no other attempt began in time',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      await run.putBack('c', 'lost');
      await run.fail('c', 'EXPIRED', 'yes');
    },
    found: [],
  },

  {
    name: 'an execution that is forgotten',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      await run.putBack('c', 'lost');
      await run.fail('c', 'CANCELLED', 'no');
    },
    found: ['8 c: executed was lowered'],
  },

  {
    name: 'an unstarted command that is declared lost',
    plant: async (run) => {
      await run.submit('c');
      await run.deliver();
      await run.fail('c', 'AGENT_LOST', 'unknown');
    },
    found: ['8 c: it was declared lost, but no attempt of it had started'],
  },

  {
    name: 'a lost attempt that was not executed, it says',
    plant: async (run) => {
      await run.started('c');
      await run.fail('c', 'AGENT_LOST', 'no');
    },
    found: ['8 c: an attempt was lost, yet it is said not to have been executed'],
  },

  {
    name: 'a word that is not one of executed’s',
    plant: async (run) => {
      await run.started('c');
      await run.fail('c', 'TIMEOUT', 'unknown', also(['HSET', keys.command('c'), 'executed', 'maybe']));
    },
    found: ['8 c: executed is neither no, unknown nor yes'],
  },

  {
    name: 'losses, late reports and unknowns without a fault',
    faults: 'none',
    plant: async (run) => {
      await run.started('c');
      await run.fail('c', 'AGENT_LOST', 'unknown');
      await run.lateReport('c', 1);
    },
    found: [
      '8 c: an attempt was lost in a run without faults',
      '8 c: a report came late in a run without faults',
      '8 c: executed was left unknown in a run without faults',
    ],
  },

  {
    name: 'losses and unknowns that no fault explains',
    faults: [{ what: 'planted', fromMs: 0, toMs: 1 }],
    plant: async (run) => {
      await run.started('c');
      await run.fail('c', 'AGENT_LOST', 'unknown');
    },
    found: ['8 c: no fault explains a lost attempt', '8 c: no fault explains why executed is unknown'],
  },

  ...[
    { who: 'another agent', fault: { agents: ['B'] } },
    { who: 'commands with another policy', fault: { onAgentLost: 'retry' } as const },
    { who: 'no agent so soon', fault: { fromMs: Date.now(), leastMs: 3_600_000 } },
  ].map(({ who, fault }): Plant => ({
    name: `a loss while a fault hit ${who}`,
    faults: [{ what: 'planted', fromMs: 0, toMs: Infinity, ...fault }],
    plant: async (run) => {
      await run.started('c');
      await run.fail('c', 'AGENT_LOST', 'unknown');
    },
    found: ['8 c: no fault explains a lost attempt', '8 c: no fault explains why executed is unknown'],
  })),

  ...[
    { when: 'before its time was over, and no later', toMs: Date.now() - 10_000, isFound: true },
    { when: 'when its time was over', toMs: Infinity, isFound: false },
  ].map(({ when, toMs, isFound }): Plant => ({
    name: `${isFound ? 'an attempt that was ended for its silence' : 'nothing'}, where a fault was ${when}`,
    faults: [{ what: 'planted', fromMs: 0, toMs }],
    plant: async (run) => {
      await run.started('c', { timeoutMs: '1000' });
      await run.write(['HSET', keys.command('c'), 'startedAt', Date.now() - 9000]);
      await run.fail('c', 'TIMEOUT', 'unknown');
    },
    found: isFound
      ? [
          '8 c: no fault explains why no agent reported how an attempt ended',
          '8 c: no fault explains why executed is unknown',
        ]
      : [],
  })),

  {
    name: 'nothing, where a fault explains the loss',
    faults: [{ what: 'planted', fromMs: 0, toMs: Infinity, agents: ['A'], onAgentLost: 'fail', leastMs: 1 }],
    plant: async (run) => {
      await run.started('c');
      await run.fail('c', 'AGENT_LOST', 'unknown');
    },
    found: [],
  },
];

test.each(plants)('the judge finds $name', async (plant) => {
  expect(await findings(plant)).toEqual(plant.found);
});
