import { z } from 'zod';
import { contextOf } from '../testing/execution-context.js';
import { defineCommand } from './define-command.js';

const payload = z.strictObject({ text: z.string(), times: z.int().default(2) });
const result = z.strictObject({ said: z.string() });

test('types what execute is given and gives, by the schemas', async () => {
  const say = defineCommand({
    type: 'SAY',
    payload,
    result,
    execute: ({ payload: { text, times } }) => Promise.resolve({ said: text.repeat(times) }),
  });
  expect(await say.execute(contextOf(payload.parse({ text: 'ha' })))).toEqual({ said: 'haha' });
});

test('what does not fit the schemas does not compile', () => {
  // @ts-expect-error -- `said` is a string
  defineCommand({ type: 'SAY', payload, result, execute: () => Promise.resolve({ said: 1 }) });
  // @ts-expect-error -- the payload has no `loud`
  defineCommand({ type: 'SAY', payload, result, execute: ({ payload: { loud } }) => Promise.resolve(loud) });
  // @ts-expect-error -- it is called timeoutMs
  defineCommand({ type: 'SAY', payload, result, timeout: 1, execute: () => Promise.resolve({ said: '' }) });
});

test('fills in what is left out, and cannot be changed afterwards', () => {
  const say = defineCommand({ type: 'SAY', payload, result, execute: () => Promise.resolve({ said: '' }) });
  expect(say).toMatchObject({ type: 'SAY', timeoutMs: 30_000 });
  expect(Object.isFrozen(say)).toBe(true);
});
