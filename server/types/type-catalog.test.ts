import { builtInTypes } from '../../shared/protocol/command-types.js';
import { fieldOfType } from '../../shared/protocol/type-digest.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { TypeCatalog } from './type-catalog.js';

const announcement = (payload: unknown, more = {}) =>
  JSON.stringify({ payload, result: {}, onAgentLost: 'retry', announcedAt: 1_700_000_000_000, ...more });

let hash: Record<string, string>;
let agents: Map<string, string[]>;
let reads: number;
let lines: { level: string; msg: string }[];
let catalog: TypeCatalog;
const nowMs = 1_700_000_000_000;
const destination = { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0]) };
const logger = createLogger({ side: 'server', level: 'info', pretty: false, destination });
beforeEach(() => {
  jest.useFakeTimers();
  hash = {};
  agents = new Map();
  reads = 0;
  lines = [];
  catalog = new TypeCatalog(() => {
    reads++;
    return Promise.resolve({ nowMs, texts: { ...hash }, agents: new Map(agents) });
  }, logger);
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

test('requests at the same time share one read', async () => {
  await Promise.all([find('A'), find('B'), catalog.views()]);
  expect(reads).toBe(1);
});

test('a schema that was announced anew replaces the old one within a second', async () => {
  hash.MAIL = announcement({ required: ['to'] });
  const before = await find('MAIL');
  hash.MAIL = announcement({ required: ['from'] });
  aSecond();
  const after = await find('MAIL');
  const faults = [before, after].map(
    (type) => type?.usable === true && type.validate?.({}).map(({ field }) => field),
  );
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
  expect(type?.usable === true && type.validate?.({})).toHaveLength(1);
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
    expect.objectContaining({ type: 'MAIL', source: 'announced', schemaError: expect.any(String) as string }),
  );
});

test('when Redis cannot be asked, the next one asks again', async () => {
  const failing = new TypeCatalog(() => Promise.reject(new Error('away')));
  await expect(failing.find(['MAIL'])).rejects.toThrow('away');
  await expect(failing.find(['MAIL'])).rejects.toThrow('away');
});

const dayMs = 24 * 3600 * 1000;
test.each([
  ['six days ago is known', 6, true],
  ['seven days ago is not', 7, false],
])('a type that was announced for the last time %s', async (_, days, known) => {
  hash['MAIL@1'] = announcement({}, { announcedAt: nowMs - days * dayMs });
  expect((await find('MAIL')) !== undefined).toBe(known);
  expect(catalog.names.includes('MAIL')).toBe(known);
});

describe('of several versions of a type', () => {
  const wants = (name: string, more = {}) => announcement({ required: [name] }, more);
  const faultsOf = async (payload: unknown) => {
    const type = await find('MAIL');
    return type?.usable === true ? type.validate?.(payload) : type;
  };
  const fieldsWrong = async (payload: unknown) =>
    ((await faultsOf(payload)) as { field: string }[]).map(({ field }) => field);
  const view = async () => (await catalog.views()).find(({ type }) => type === 'MAIL');
  const versions = async () =>
    (await view())?.conflict?.versions.map(({ digest, agents }) => [digest, ...agents]);

  beforeEach(() => {
    hash['MAIL@old'] = wants('to', { announcedAt: nowMs - 2000 });
    hash['MAIL@new'] = wants('from', { announcedAt: nowMs - 1000 });
  });

  test('the last one counts while no agent is live', async () => {
    expect(await fieldsWrong({})).toEqual(['payload.from']);
    expect((await view())?.conflict).toBeNull();
    expect(lines).toEqual([]);
  });

  test('the one counts that live agents announce, be it older', async () => {
    agents.set('MAIL@old', ['a']);
    expect(await fieldsWrong({})).toEqual(['payload.to']);
    expect(await view()).toMatchObject({ conflict: null, payload: { required: ['to'] } });
  });

  describe('that live agents announce at once', () => {
    beforeEach(() => {
      agents.set('MAIL@old', ['a', 'b']);
      agents.set('MAIL@new', ['c']);
    });

    test('a payload must fit all', async () => {
      expect(await faultsOf({ to: 1, from: 1 })).toEqual([]);
      for (const payload of [{ to: 1 }, { from: 1 }]) {
        expect(await faultsOf(payload)).toEqual([
          expect.objectContaining({
            message: expect.stringMatching(/^is required for some of the agents/) as string,
          }),
        ]);
      }
      expect(await faultsOf({})).toEqual([{ field: 'payload.from', message: 'is required' }]);
    });

    test('each is shown, with its agents, and the last one as the type’s', async () => {
      expect(await versions()).toEqual([
        ['new', 'c'],
        ['old', 'a', 'b'],
      ]);
      expect(await view()).toMatchObject({ payload: { required: ['from'] }, schemaError: null });
    });

    test('the conflict is logged once, and so is its end', async () => {
      await catalog.views();
      await catalog.views();
      agents.delete('MAIL@old');
      await catalog.views();
      await catalog.views();
      expect(lines.map(({ level, msg }) => `${level} ${msg.split(':')[0]}`)).toEqual([
        'warn agents announce conflicting schemas of a command type',
        'info agents agree about a command type again',
      ]);
    });

    test('nothing is let in while one of them cannot be used', async () => {
      hash['MAIL@old'] = announcement({ type: 'strin' });
      expect(await find('MAIL')).toMatchObject({ usable: false });
      expect(await view()).toMatchObject({ schemaError: expect.any(String) as string });
    });

    test.each([
      ['retry', 'retry', 'retry'],
      ['retry', 'fail', 'fail'],
      ['fail', 'fail', 'fail'],
    ])(
      'onAgentLost of %s and %s is %s: nothing is executed twice that might not be',
      async (one, other, both) => {
        hash['MAIL@old'] = wants('to', { onAgentLost: one });
        hash['MAIL@new'] = wants('to', { onAgentLost: other });
        expect(await find('MAIL')).toMatchObject({ onAgentLost: both });
      },
    );

    test.each([
      [5, 5, 5],
      [5, 7, null],
      [5, { payloadField: 'ms', plusMs: 1 }, null],
    ])(
      'a time of %j and %j is %j: no server ends an attempt by another agent’s',
      async (one, other, both) => {
        hash['MAIL@old'] = wants('to', { defaultTimeoutMs: one });
        hash['MAIL@new'] = wants('to', { defaultTimeoutMs: other });
        expect(await find('MAIL')).toMatchObject({ defaultTimeoutMs: both });
      },
    );
  });

  test('a built-in one is that of the server, and an agent with another is reported', async () => {
    const [builtIn] = builtInTypes.values();
    const same = fieldOfType({
      type: 'DELAY',
      ...(builtIn ?? { payload: {}, result: {}, onAgentLost: 'fail', defaultTimeoutMs: 1 }),
    });
    hash[same] = announcement({});
    hash['DELAY@other'] = announcement({});
    agents.set(same, ['a']);
    agents.set('DELAY@other', ['b']);
    const delay = (await catalog.views()).find(({ type }) => type === 'DELAY');
    expect(delay?.conflict?.versions.map(({ digest, agents }) => [digest, ...agents])).toEqual([
      ['other', 'b'],
      [same.split('@')[1], 'a'],
    ]);
    const type = await find('DELAY');
    expect(type?.usable === true && type.validate?.({})).toHaveLength(1);
  });
});
