import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAof } from './aof-log.js';

const resp = (...args: string[]) =>
  `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`;
const select = resp('SELECT', '0');
const set = (value: string) => resp('SET', 'k', value);

describe('the append-only log', () => {
  let directory: string;
  beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'fencepost-aof-'))));
  afterEach(() => rm(directory, { recursive: true }));

  /** Writes files `<seq> <b|i|h> <base|incr>` in the order of a manifest. */
  const write = async (files: Record<string, string>) => {
    let manifest = '';
    for (const [what, content] of Object.entries(files)) {
      const [seq, type, kind] = what.split(' ');
      const name = `appendonly.aof.${seq}.${kind}.aof`;
      manifest += `file ${name} seq ${seq} type ${type}\n`;
      await writeFile(join(directory, name), content);
    }
    await writeFile(join(directory, 'appendonly.aof.manifest'), manifest);
  };
  const read = async () => {
    const transactions = [];
    for await (const { restated, writes } of readAof(directory)) {
      transactions.push(`${restated ? 'base ' : ''}${writes.map(({ args }) => args[1]).join(' ')}`);
    }
    return transactions;
  };

  test('is the very first base, then every incr file by sequence, history and current', async () => {
    await write({
      '3 b base': select + set('restated by the second rewrite'),
      '2 h incr': select + set('4'),
      '2 h base': select + set('restated by the first rewrite'),
      '1 h incr': select + set('2') + set('3'),
      '1 h base': select + set('1'),
      '3 i incr': select + set('5'),
    });
    expect(await read()).toEqual(['base 1', '2', '3', '4', '5']);
  });

  test('keeps together what MULTI and EXEC hold, with the database, the time and the place', async () => {
    const annotation = '#TS:1700000000\r\n';
    await write({
      '1 b base': '',
      '1 i incr': `${annotation}${select}${set('1')}${resp('SELECT', '3')}${resp('MULTI')}${set('2')}${resp('incr', 'n')}${resp('EXEC')}`,
    });
    const transactions = [];
    for await (const transaction of readAof(directory)) transactions.push(transaction);
    const file = 'appendonly.aof.1.incr.aof';
    expect(transactions).toEqual([
      {
        file,
        offset: annotation.length + select.length,
        restated: false,
        notedMs: 1_700_000_000_000,
        writes: [{ db: 0, name: 'SET', args: ['k', '1'] }],
      },
      {
        file,
        offset: annotation.length + 2 * select.length + set('1').length,
        restated: false,
        notedMs: 1_700_000_000_000,
        writes: [
          { db: 3, name: 'SET', args: ['k', '2'] },
          { db: 3, name: 'INCR', args: ['n'] },
        ],
      },
    ]);
  });

  test('reads values that do not fit into one chunk, and are not ASCII', async () => {
    const value = 'né'.repeat(1 << 20);
    await write({ '1 b base': '', '1 i incr': select + set('small') + set(value) + set('small') });
    expect(await read()).toEqual(['small', value, 'small']);
  });

  test.each([
    ['inside a command', set('2').slice(0, -3)],
    ['inside an annotation', '#TS:17'],
    ['inside a transaction', resp('MULTI') + set('2') + resp('EXEC').slice(0, -1)],
    ['between the writes of a transaction', resp('MULTI') + set('2')],
  ])('drops a torn end %s', async (_, torn) => {
    await write({ '1 b base': '', '1 i incr': select + set('1') + torn });
    expect(await read()).toEqual(['1']);
  });

  test('refuses a torn file that another follows', async () => {
    await write({ '1 b base': '', '1 h incr': select + set('1').slice(0, -1), '2 i incr': select });
    await expect(read()).rejects.toThrow('appendonly.aof.1.incr.aof is torn at byte 23, yet a later file');
  });

  test.each([
    ['bytes that are no command', 'GARBAGE', 'is damaged at byte 23: byte 71'],
    ['EXEC without MULTI', resp('EXEC'), 'is damaged at byte 23: EXEC without MULTI'],
    ['MULTI inside MULTI', resp('MULTI') + resp('MULTI'), 'is damaged at byte 38: MULTI inside MULTI'],
  ])('refuses %s', async (_, damage, message) => {
    await write({ '1 b base': '', '1 i incr': select + damage });
    await expect(read()).rejects.toThrow(message);
  });

  test('refuses a base file in RDB format, and says what to set', async () => {
    await write({ '1 b base': 'REDIS0010\xfa', '1 i incr': select });
    await expect(read()).rejects.toThrow(/is an RDB file.*aof-use-rdb-preamble no/);
  });

  test.each([
    ['the base of a rewrite, without what was before', { '2 b base': '', '2 i incr': '' }],
    ['a gap in the sequence', { '1 b base': '', '1 h incr': '', '3 i incr': '' }],
    ['no base', { '1 i incr': '' }],
  ])('refuses %s: it would pass over what is gone', async (_, files) => {
    await write(files);
    await expect(read()).rejects.toThrow(/has lost its history to a rewrite.*aof-disable-auto-gc yes/);
  });

  test('refuses a directory that is none', async () => {
    await expect(read()).rejects.toThrow('has no manifest');
    await writeFile(join(directory, 'appendonly.aof.manifest'), 'nonsense\n');
    await expect(read()).rejects.toThrow('not a line of a manifest: nonsense');
  });
});
