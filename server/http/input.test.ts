import { z } from 'zod';
import { problemErrors } from '../../shared/protocol/bounds.js';
import { payloadFaults } from '../types/payload-faults.js';
import { parseInput } from './input.js';

/** A body may have a fault for every two of its bytes: no more are put into words than an answer lists. */

test('parseInput lists at most 20 faults', () => {
  const wrong = Array.from({ length: 1000 }, () => 'x');
  const parsed = parseInput(z.array(z.number()), wrong, []);
  expect(parsed).toMatchObject({ ok: false });
  if (parsed.ok) return;
  expect(parsed.faults).toHaveLength(problemErrors);
});

test('parseInput lists at most 20 names that it does not know', () => {
  const unknown = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`name${i}`, 1]));
  const parsed = parseInput(z.strictObject({}), unknown, []);
  expect(parsed).toMatchObject({ ok: false });
  if (parsed.ok) return;
  expect(parsed.faults).toHaveLength(problemErrors);
});

test('payloadFaults lists at most 20 faults, one for each field', () => {
  const errors = Array.from({ length: 1000 }, (_, i) => ({
    keyword: 'type',
    instancePath: `/${Math.floor(i / 2)}`,
    schemaPath: '#/items/type',
    params: { type: 'number' },
    parentSchema: { type: 'number' },
  }));
  const faults = payloadFaults(errors);
  expect(faults).toHaveLength(problemErrors);
  expect(new Set(faults.map(({ field }) => field)).size).toBe(problemErrors);
});
