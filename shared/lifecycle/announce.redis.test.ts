import { fieldOfType, textOfType } from '../protocol/type-digest.js';
import { typesKey } from '../store/keys.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { type AnnouncedType } from '../protocol/command-types.js';
import { announce } from './type-announcements.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const resize = (more: Partial<AnnouncedType> = {}): AnnouncedType => ({
  type: 'RESIZE',
  // Lua's cjson would not write the empty array back as it was.
  payload: { type: 'object', properties: { size: { enum: [1, 2.5] } }, required: [] },
  result: {},
  onAgentLost: 'fail',
  defaultTimeoutMs: null,
  ...more,
});
const [one, other] = [resize(), resize({ payload: { type: 'string' } })];

const dayMs = 24 * 3600 * 1000;
let since: number;

/** The text of a type as the script writes it, announced so many ms ago. */
const announced = (type: AnnouncedType, agoMs: number) =>
  `${textOfType(type).slice(0, -1)},"announcedAt":${since - agoMs}}`;

async function seed(texts: () => Readonly<Record<string, string>>): Promise<void> {
  await bench.seed({});
  const [seconds, micros] = await bench.redis.time();
  since = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  const hash = texts();
  if (Object.keys(hash).length > 0) await bench.redis.hset(typesKey, hash);
}

/** All that Redis holds: each field, and how long ago it was announced, 0 since the seed. */
async function state(): Promise<Record<string, unknown>> {
  expect(await bench.redis.keys('*')).toEqual([typesKey]);
  const texts = await bench.redis.hgetall(typesKey);
  return Object.fromEntries(
    Object.entries(texts).map(([field, text]) => {
      const [, said, at] = /^(.*),"announcedAt":(\d+)}$/.exec(text) ?? [undefined, text, undefined];
      return [field, [at === undefined ? said : `${said}}`, at && Math.max(0, since - Number(at))]];
    }),
  );
}

test('stores a version under its digest, and says the same when it is sent twice', async () => {
  await seed(() => ({}));
  for (let i = 0; i < 2; i++) {
    expect(await announce(bench.redis, [one])).toEqual([]);
    expect(await state()).toEqual({ [fieldOfType(one)]: [textOfType(one), 0] });
  }
  expect(await bench.events()).toEqual([]);
});

test('the order in which a schema is written makes no other version', async () => {
  await seed(() => ({}));
  await announce(bench.redis, [
    one,
    resize({ payload: { required: [], properties: { size: { enum: [1, 2.5] } }, type: 'object' } }),
  ]);
  expect(Object.keys(await state())).toEqual([fieldOfType(one)]);
});

test.each([
  ['for less than a minute stays as it is', 59_000, 59_000],
  ['for a minute is announced anew', 60_000, 0],
  ['in the future, by a clock that was set back, is announced anew', -60_000, 0],
])('a version that has been there %s', async (_, agoMs, wanted) => {
  await seed(() => ({ [fieldOfType(one)]: announced(one, agoMs) }));
  await announce(bench.redis, [one]);
  expect(await state()).toEqual({ [fieldOfType(one)]: [textOfType(one), wanted] });
});

test.each([
  ['an edited schema', (): string => announced(other, 1000)],
  ['what is no announcement', () => '{'],
])('puts right %s', async (_, text) => {
  await seed(() => ({ [fieldOfType(one)]: text() }));
  await announce(bench.redis, [one]);
  expect(await state()).toEqual({ [fieldOfType(one)]: [textOfType(one), 0] });
});

test.each([
  ['within two minutes', 119_000, ['RESIZE']],
  ['longer ago', 120_000, []],
])('names the type when another version of it was announced %s', async (_, agoMs, differing) => {
  await seed(() => ({ [fieldOfType(other)]: announced(other, agoMs) }));
  expect(await announce(bench.redis, [one, resize({ type: 'RESIZE2' }), resize({ type: 'RES' })])).toEqual(
    differing,
  );
  expect(await state()).toMatchObject({ [fieldOfType(other)]: [textOfType(other), agoMs] });
});

test('drops what no agent has announced for seven days, in whatever form, and nothing else', async () => {
  const [kept, old] = [resize({ type: 'KEPT' }), resize({ type: 'OLD' })];
  await seed(() => ({
    [fieldOfType(kept)]: announced(kept, 7 * dayMs - 60_000),
    [fieldOfType(old)]: announced(old, 7 * dayMs),
    'OLDER FORM': announced(old, 8 * dayMs),
    SPOILED: '{',
  }));
  await announce(bench.redis, [one]);
  expect(Object.keys(await state()).sort()).toEqual(['SPOILED', fieldOfType(kept), fieldOfType(one)].sort());
});

test('announces anew what it would drop', async () => {
  await seed(() => ({ [fieldOfType(one)]: announced(one, 8 * dayMs) }));
  await announce(bench.redis, [one]);
  expect(await state()).toEqual({ [fieldOfType(one)]: [textOfType(one), 0] });
});

test('throws, and changes nothing, when the key is something else', async () => {
  await bench.seed({ [typesKey]: 'x' });
  await expect(announce(bench.redis, [one])).rejects.toThrow(
    'fencepost:types: it holds what Fencepost did not put there',
  );
  expect(await bench.state()).toEqual({ [typesKey]: 'x' });
});

test('works when Redis is full and has lost its scripts', async () => {
  await seed(() => ({}));
  expect(await bench.whenFull(() => announce(bench.redis, [one]))).toEqual([]);
});

test('keeps the twenty latest versions of a type, and all of others', async () => {
  const versions = Array.from({ length: 22 }, (_, i) => resize({ payload: { maxLength: i } }));
  const another = { ...resize(), type: 'RESIZE_2' };
  await seed(() =>
    Object.fromEntries(
      [another, ...versions.slice(0, 21)].map((type, i) => [
        fieldOfType(type),
        announced(type, i * 3600_000),
      ]),
    ),
  );
  expect(await announce(bench.redis, versions.slice(21))).toEqual([]);
  const kept = [...versions.slice(0, 19), ...versions.slice(21), another];
  expect(Object.keys(await state()).sort()).toEqual(kept.map(fieldOfType).sort());
});

describe('a registry has a bound', () => {
  const long = (i: number) => resize({ type: `LONG${i}`, payload: { title: 'x'.repeat(60_000) } });
  const many = Array.from({ length: 40 }, (_, i) => long(i));

  test('what is larger than a text may be is dropped, unread, and hinders no agent', async () => {
    await seed(() => ({ 'HUGE@x': `{"payload":"${'x'.repeat(3_000_000)}","announcedAt":${since}}` }));
    expect(await announce(bench.redis, [one])).toEqual([]);
    expect(Object.keys(await state())).toEqual([fieldOfType(one)]);
  });

  test('a type that is too large is refused by name, and the others are announced', async () => {
    await seed(() => ({}));
    const large = resize({ type: 'LARGE', payload: { title: 'x'.repeat(70_000) } });
    await expect(announce(bench.redis, [large, one])).rejects.toThrow('the schemas of LARGE are too large');
    expect(Object.keys(await state())).toEqual([fieldOfType(one)]);
  });

  test('those that no agent announces any more make room, the oldest first', async () => {
    await seed(() =>
      Object.fromEntries(
        many.slice(0, 34).map((type, i) => [fieldOfType(type), announced(type, 130_000 + i)]),
      ),
    );
    expect(await announce(bench.redis, [long(50), one])).toEqual([]);
    const left = Object.keys(await state());
    expect(left).toContain(fieldOfType(one));
    expect(left).toContain(fieldOfType(long(0)));
    expect(left).not.toContain(fieldOfType(long(33)));
  });

  test('when all are announced by agents, a new one is refused by name, and they stay', async () => {
    await seed(() =>
      Object.fromEntries(many.slice(0, 34).map((type) => [fieldOfType(type), announced(type, 1000)])),
    );
    const before = Object.keys(await state()).sort();
    await expect(announce(bench.redis, [long(50)])).rejects.toThrow('no room to announce LONG50');
    expect(await announce(bench.redis, [long(3)])).toEqual([]);
    expect(Object.keys(await state()).sort()).toEqual(before);
  });
});
