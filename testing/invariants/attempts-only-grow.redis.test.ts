import { also, keys, without } from '../hand-made-run.js';
import { findings, type Plant, seen } from './planted.js';

const plants: readonly Plant[] = [
  {
    name: 'an attempt that is started again under its old number',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      await run.putBack('c', 'lost', also(['HSET', keys.command('c'), 'attempt', 0]));
      run.life('c').attempt = 0;
      await run.deliver();
      await run.start('c');
      await run.complete('c', await run.effect('c'));
    },
    found: ['7 c: its attempt changed by -1 in a step with 0 starts'],
  },

  {
    name: 'a start that raises no attempt',
    plant: async (run) => {
      await run.submit('c');
      await run.deliver();
      await run.start('c', { edit: without('HINCRBY') });
      await run.redis.hincrby(keys.counts, 'PENDING', -1);
      await run.redis.hincrby(keys.counts, 'RUNNING', 1);
      await run.fail('c', 'TIMEOUT', 'unknown');
    },
    found: [
      '7 c: its attempt changed by 0 in a step with 1 starts',
      '7 c: its marker says attempt 1, its hash 0',
    ],
  },

  {
    name: 'an attempt that goes back before a client’s eyes',
    plant: async (run) => {
      await run.live('c');
      run.clients.noteSighting('c', seen('c', 'RUNNING', 2));
      run.clients.noteSighting('c', seen('c', 'RUNNING', 1));
    },
    found: ['7 c: a client saw its attempt go back'],
  },
];

test.each(plants)('the judge finds $name', async (plant) => {
  expect(await findings(plant)).toEqual(plant.found);
});
