import { Problem } from '../http/problem.js';
import { newCommand } from './new-command.js';
import { parseSubmission } from './submission-parser.js';
import { TypeCatalog } from '../types/type-catalog.js';

const catalog = new TypeCatalog(() => Promise.resolve({ nowMs: 0, texts: {}, agents: new Map() }));
const checker = { check: () => Promise.reject(new Error('a built-in type is checked without it')) };
const parse = (runAt: string) =>
  parseSubmission({ type: 'DELAY', payload: { ms: 1 }, runAt }, { catalog, checker });

test.each([
  ['29 February', '2016-02-29T00:00:00Z', '2016-02-29T00:00:00.000Z'],
  ['an hour that clocks there left out', '2026-03-29T02:30:00+01:00', '2026-03-29T01:30:00.000Z'],
  ['nanoseconds', '2016-12-31T10:00:00.123456789Z', '2016-12-31T10:00:00.123Z'],
  ['an unknown zone at Greenwich', '2016-12-31T10:00:00-00:00', '2016-12-31T10:00:00.000Z'],
  ['the zone that is furthest away', '2016-12-31T10:00:00+23:59', '2016-12-30T10:01:00.000Z'],
  ['the year 0', '0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
  ['a time before 1970', '1969-12-31T23:59:59Z', '1969-12-31T23:59:59.000Z'],
])('a runAt may be %s', async (_what, runAt, instant) => {
  expect(newCommand(await parse(runAt)).start).toEqual({ at: Date.parse(instant) });
});

test.each([
  ['a leap second', '2016-12-31T23:59:60Z'],
  ['29 February of a year without one', '2015-02-29T00:00:00Z'],
  ['the hour 24', '2016-12-31T24:00:00Z'],
  ['lower case', '2016-12-31t10:00:00z'],
  ['a space before the time', '2016-12-31 10:00:00Z'],
  ['no seconds', '2016-12-31T10:00Z'],
  ['no zone', '2016-12-31T10:00:00'],
  ['a zone that there is not', '2016-12-31T10:00:00+24:00'],
])('a runAt with %s is refused by its name', async (_what, runAt) => {
  const refusal = await parse(runAt).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(Problem);
  expect(refusal).toMatchObject({
    code: 'invalid_request',
    errors: [{ field: 'runAt', message: 'must be a time with its zone, such as 2026-11-22T18:00:00Z' }],
  });
});
