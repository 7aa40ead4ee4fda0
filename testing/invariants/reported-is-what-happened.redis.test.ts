import { also, keys, type Write } from '../hand-made-run.js';
import { findings, type Plant, seen } from './planted.js';

const plants: readonly Plant[] = [
  {
    name: 'a result that its attempt was not answered',
    plant: async (run) => {
      await run.started('c');
      const answer = await run.effect('c');
      await run.complete('c', { ...answer, receipt: 'made up' });
    },
    found: ['6 c: its result is not what attempt 1 was answered'],
  },

  {
    name: 'the result of an earlier attempt',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      const earlier = await run.effect('c');
      await run.putBack('c', 'lost');
      await run.deliver();
      await run.start('c');
      await run.effect('c');
      await run.complete('c', earlier);
    },
    found: ['6 c: its result is not what attempt 2 was answered'],
  },

  {
    name: 'a result that came from nowhere',
    plant: async (run) => {
      await run.started('c');
      await run.complete('c', { receipt: 'made up' });
    },
    found: [
      '6 c: it is COMPLETED by attempt 1, which had no effect',
      '8 c: it is said to have been executed, but it had no effect',
    ],
  },

  {
    name: 'an outcome under another agent’s name',
    plant: async (run) => {
      await run.started('c');
      await run.complete('c', await run.effect('c'), also(['HSET', keys.command('c'), 'agentId', 'B']));
    },
    found: ['6 c: its outcome was accepted from another agent than the one it names'],
  },
  {
    name: 'an outcome under another attempt’s number',
    plant: async (run) => {
      await run.started('c');
      await run.complete('c', await run.effect('c'), also(['HSET', keys.command('c'), 'attempt', 2]));
    },
    found: [
      '6 c: its outcome was accepted from another attempt than the last',
      '7 c: its attempt changed by 1 in a step with 0 starts',
    ],
  },
  {
    name: 'an outcome that clients are shown, and that is not the stored one',
    plant: async (run) => {
      await run.live('c');
      run.clients.noteSighting('c', seen('c', 'COMPLETED', 1, 'other'));
    },
    found: ['6 c: clients were shown another outcome than the one that is stored'],
  },

  {
    name: 'a cancel that no client asked for',
    plant: async (run) => {
      await run.submit('c');
      await run.fail('c', 'CANCELLED', 'no');
      run.clients.operations.splice(0);
      run.clients.noteOperation({ action: 'cancel', commandId: 'c', finishedAt: null, outcome: 'refused' });
    },
    found: ['6 c: it is CANCELLED, and no client asked for that'],
  },

  {
    name: 'a cancel that was confirmed to a client, and that did not happen',
    plant: async (run) => {
      await run.live('c');
      run.clients.noteOperation({ action: 'cancel', commandId: 'c', finishedAt: null, outcome: 'done' });
    },
    found: ['6 c: its cancel was confirmed to a client, and it is not CANCELLED'],
  },

  {
    name: 'a progress of one attempt that is stored as another’s',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      await run.putBack('c', 'lost');
      await run.deliver();
      await run.start('c');
      await run.reportProgress('c', { progress: { attempt: 1, step: 3 } });
      await run.complete('c', await run.effect('c'));
    },
    found: ['6 c: its progress is that of another attempt'],
  },

  {
    name: 'a progress that goes back, although its number says that it is later',
    plant: async (run) => {
      await run.started('c');
      await run.reportProgress('c', { sequence: 1, progress: { step: 4 } });
      await run.reportProgress('c', { sequence: 2, progress: { step: 3 } });
      await run.complete('c', await run.effect('c'));
    },
    found: ['6 c: its progress went back'],
  },

  {
    name: 'a progress that was cut off',
    plant: async (run) => {
      await run.started('c');
      const half: Write = ['HSET', keys.command('c'), 'progress', '{"step":', 'progressOf', '1:1'];
      await run.reportProgress('c', { edit: () => [half] });
      await run.complete('c', await run.effect('c'));
    },
    found: ['6 c: its progress is no JSON'],
  },

  {
    name: 'a progress of an effect that its attempt did not have',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      const body = await run.effect('c');
      await run.putBack('c', 'lost');
      await run.deliver();
      await run.start('c');
      await run.reportProgress('c', { progress: { step: 1, body: { ...body } } });
      await run.complete('c', await run.effect('c'));
    },
    found: ['6 c: its progress is not what attempt 2 was answered'],
  },

  {
    name: 'a progress that a client was shown as another attempt’s, or of none',
    plant: async (run) => {
      await run.live('c');
      run.clients.noteSighting('c', { ...seen('c', 'RUNNING', 1), progress: { attempt: 2 } });
      await run.live('d');
      run.clients.noteSighting('d', { ...seen('d', 'PENDING', 1), progress: 0.5 });
    },
    found: [
      '6 c: a client was shown the progress of another attempt',
      '6 d: a client was shown progress of a command that waits',
    ],
  },

  {
    name: 'nothing in the progress of attempts that say of themselves what is so',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      await run.reportProgress('c', { sequence: 2, progress: { attempt: 1, step: 2, body: null } });
      await run.reportProgress('c', { sequence: 5, progress: 'nearly done' });
      run.clients.noteSighting('c', { ...seen('c', 'RUNNING', 1), progress: { attempt: 1, step: 2 } });
      run.clients.noteSighting('c', { ...seen('c', 'RUNNING', 1), progress: 'nearly done' });
      run.clients.noteSighting('c', { ...seen('c', 'PENDING', 1), progress: null });
      await run.putBack('c', 'lost');
      await run.deliver();
      await run.start('c');
      await run.reportProgress('c', { progress: { attempt: 2, step: 1, body: null } });
      const body = await run.effect('c');
      await run.reportProgress('c', { sequence: 2, progress: { attempt: 2, step: 2, body: { ...body } } });
      await run.complete('c', body);
    },
    found: [],
  },
];

test.each(plants)('the judge finds $name', async (plant) => {
  expect(await findings(plant)).toEqual(plant.found);
});
