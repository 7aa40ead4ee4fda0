import { type Redis } from 'ioredis';
import { report, start, type StartedCommand } from '../shared/lifecycle/transitions.js';
import { defaults } from '../shared/protocol/commands.js';
import { partitionKeys } from '../shared/store/keys.js';
import { type Cycle } from './cycle.js';
import { newCommand, submitAll, submitterOn } from './fencepost.js';
import { load } from './load.js';

const agent = { agentId: 'bench', session: 'bench.1' };

/** Fencepost's scripts, each called once per batch, as its server and its agent call them. */
export function fencepostCycle(redis: Redis): Cycle {
  const keys = partitionKeys();
  const submitter = submitterOn(redis);
  let held: readonly StartedCommand[] = [];
  return {
    submit: (count) =>
      submitAll(
        submitter,
        Array.from({ length: count }, () => newCommand()),
      ),

    start: async (count) => {
      const options = { ...agent, limit: count, queues: [defaults.queue], types: [load.type], inFlight: [] };
      const reply = await start(redis, keys, options);
      held = reply.word === 'ok' ? reply.started : [];
      if (held.length !== count) throw new Error(`Fencepost started ${held.length} commands of ${count}`);
    },

    report: async (count) => {
      const outcome = { status: 'COMPLETED', result: JSON.stringify(load.result) } as const;
      const words = await report(
        redis,
        keys,
        held.map(({ id, attempt }) => ({ ...agent, id, attempt, outcome })),
      );
      const accepted = words.filter((word) => word === 'accepted').length;
      if (accepted !== count) throw new Error(`Fencepost accepted ${accepted} reports of ${count}`);
    },
  };
}
