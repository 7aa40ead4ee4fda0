import { type Edit, HandMadeRun, keys, without } from '../hand-made-run.js';

/** Tests the history checker's findings when retention deletes too early, too much, or too little. */

const retentionMs = 3600 * 1000;

let run: HandMadeRun;
beforeEach(async () => (run = await HandMadeRun.start()));
afterEach(() => run.stop());

async function found(options: { readonly retentionMs?: number } = {}): Promise<string[]> {
  const { violations } = await run.judge(options);
  return violations.map(({ invariant, commandId, what }) => `${invariant} ${commandId}: ${what}`);
}

/** Moves the end of a command back by so many ms. */
const endedAgo =
  (ms: number): Edit =>
  (writes) =>
    writes.map(([name, ...args]) => {
      const at = args.indexOf('finishedAt') + 1;
      return at === 0 ? [name, ...args] : [name, ...args.with(at, Number(args[at]) - ms)];
    });

async function live(id: string, ago: number): Promise<void> {
  await run.started(id);
  await run.complete(id, await run.effect(id), endedAgo(ago));
}

test('what was deleted after its retention is no loss, even for a client that asks for it', async () => {
  await live('c', retentionMs + 1000);
  await run.prune('c');
  run.clients.noteSighting('c', null);
  expect(await found({ retentionMs })).toEqual([]);
});

test('what was deleted before is', async () => {
  await live('early', retentionMs + 1000);
  await live('later', retentionMs - 60_000);
  await run.prune('early');
  await run.prune('later');
  expect(await found({ retentionMs })).toEqual(['1 later: it was deleted before its retention was over']);
});

test('in a run without a retention, whatever is deleted is lost', async () => {
  await live('c', retentionMs);
  await run.prune('c');
  expect(await found()).toEqual(['1 c: it was deleted before its retention was over']);
});

test('what runs is not deleted, however long', async () => {
  await run.started('c');
  await run.prune('c');
  expect(await found({ retentionMs: 0 })).toContain(
    '1 c: its hash was deleted before it had a terminal status',
  );
});

test('what is left behind of a deleted command is found', async () => {
  await run.started('c');
  await run.lateReport('c', 1);
  await run.fail('c', 'CANCELLED', 'no');
  await run.prune('c', (writes) => [
    ...without('ZREM')(writes).filter(([name]) => name !== 'DEL'),
    ['DEL', keys.command('c')],
  ]);
  expect(await found({ retentionMs: 0 })).toEqual([
    '5 c: it was deleted, but the index still has it',
    '5 c: it was deleted, but the index of failed commands still has it',
    '5 c: it was deleted, but its history is still there',
  ]);
});

test('what was deleted still has to be true', async () => {
  await run.started('c');
  await run.effect('c');
  await run.complete('c', { receipt: 'made up' });
  await run.prune('c');
  expect(await found({ retentionMs: 0 })).toEqual(['6 c: its result is not what attempt 1 was answered']);
});

test('what a client was shown is what was stored, also after that was deleted', async () => {
  await run.live('c');
  await run.prune('c');
  run.clients.noteSighting('c', { commandId: 'c', status: 'COMPLETED', attempt: 1, result: 'another' });
  expect(await found({ retentionMs: 0 })).toEqual([
    '6 c: clients were shown another outcome than the one that is stored',
  ]);
});

test('a command that was made anew from its key after it was deleted is executed twice', async () => {
  await run.live('c');
  await run.prune('c');
  await run.live('c');
  expect(await found({ retentionMs: 0 })).toEqual([
    '2 c: attempt 1 was executed more than once',
    '2 c: it was executed more than once, although no client asked for a retry',
  ]);
});
