import { TypeCatalog } from './type-catalog.js';

const announcement = (payload: unknown, more = {}) =>
  JSON.stringify({ payload, result: {}, onAgentLost: 'retry', announcedAt: 1_700_000_000_000, ...more });

let hash: Record<string, string>;
let reads: number;
let catalog: TypeCatalog;
beforeEach(() => {
  jest.useFakeTimers();
  hash = {};
  reads = 0;
  catalog = new TypeCatalog(() => {
    reads++;
    return Promise.resolve({ ...hash });
  });
});
afterEach(() => jest.useRealTimers());

const find = async (name: string) => (await catalog.find([name])).get(name);
const aSecond = () => jest.advanceTimersByTime(1000);

test('a built-in type needs no Redis', async () => {
  expect(await find('DELAY')).toMatchObject({ usable: true, onAgentLost: 'fail' });
  expect(reads).toBe(0);
});

test('an unknown type makes it read again, once a second at most', async () => {
  expect(await find('MAIL')).toBeUndefined();
  hash.MAIL = announcement({ type: 'object' });
  expect(await find('MAIL')).toBeUndefined();
  aSecond();
  expect(await find('MAIL')).toMatchObject({ usable: true, onAgentLost: 'retry' });
  expect(reads).toBe(2);
});

test('those who ask at the same time share one read', async () => {
  await Promise.all([find('A'), find('B'), catalog.views()]);
  expect(reads).toBe(1);
});

test('a schema that was announced anew replaces the old one within a second', async () => {
  hash.MAIL = announcement({ required: ['to'] });
  const before = await find('MAIL');
  hash.MAIL = announcement({ required: ['from'] });
  aSecond();
  const after = await find('MAIL');
  const faults = [before, after].map((type) => type?.usable && type.validate({}).map(({ field }) => field));
  expect(faults).toEqual([['payload.to'], ['payload.from']]);
});

test('one that did not change is not compiled again', async () => {
  hash.MAIL = announcement({ type: 'object' });
  const before = await find('MAIL');
  aSecond();
  expect(await find('MAIL')).toBe(before);
});

test('an agent cannot loosen a built-in type', async () => {
  hash.DELAY = announcement({});
  await catalog.views();
  const type = await find('DELAY');
  expect(type?.usable && type.validate({})).toHaveLength(1);
  expect(await catalog.views()).toContainEqual(
    expect.objectContaining({ type: 'DELAY', source: 'built-in' }),
  );
});

test.each([
  ['is no JSON', '{'],
  ['has no schemas', JSON.stringify({ type: 'MAIL' })],
  ['has a schema that is no object', announcement('string')],
  ['has a schema that cannot be compiled', announcement({ type: 'strin' })],
  ['has a time that is none', announcement({}, { announcedAt: 1e300 })],
])('an announcement that %s is shown as such, and nothing of the type is let in', async (_what, text) => {
  hash.MAIL = text;
  expect(await find('MAIL')).toEqual({ usable: false, fault: expect.any(String) as string });
  expect(await catalog.views()).toContainEqual(
    expect.objectContaining({ type: 'MAIL', source: 'announced', fault: expect.any(String) as string }),
  );
});

test('when Redis cannot be asked, the next one asks again', async () => {
  const failing = new TypeCatalog(() => Promise.reject(new Error('away')));
  await expect(failing.find(['MAIL'])).rejects.toThrow('away');
  await expect(failing.find(['MAIL'])).rejects.toThrow('away');
});
