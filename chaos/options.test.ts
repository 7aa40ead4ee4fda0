import { ConfigError } from '../shared/runtime/config.js';
import { usualMix } from './mix.js';
import { commandOf, loadChaosConfig, optionsOf } from './options.js';

const faultsOf = (argv: readonly string[]): readonly string[] => {
  try {
    loadChaosConfig(argv);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
};

it('a run without options takes a minute, over both transports, with every fault', () => {
  const options = optionsOf(loadChaosConfig([]));
  expect(options).toMatchObject({ durationSeconds: 60, transport: 'both', mix: usualMix });
});

test('the mutants to try are no option of one run', () => {
  expect(optionsOf(loadChaosConfig(['--mutants=all']))).not.toHaveProperty('mutants');
});

it('commands are pruned meanwhile, but not while a frozen server may have their submissions in its hands', () => {
  const retentionOf = (...argv: string[]) => optionsOf(loadChaosConfig(argv)).retentionMs;
  expect([retentionOf(), retentionOf('--lease=15000'), retentionOf('--retention=7')]).toEqual([
    10_000, 60_000, 7,
  ]);
});

it.each([
  ['90', 90],
  ['90s', 90],
  ['30m', 1800],
  ['2h', 7200],
])('--duration=%s', (text, seconds) => {
  expect(loadChaosConfig([`--duration=${text}`]).durationSeconds).toBe(seconds);
});

it.each([
  ['--duration=soon', /^--duration: must be a time/],
  ['--duration=4', /^--duration: must be a time/],
  ['--mix=murder', /^--mix: must be kill, .*redis, link, .*or one kind such as link-half-open/],
  ['--transport=smoke', /^--transport: must be one of redis, http, both/],
  ['--agents=0', /^--agents: must be a whole number from 1 to 50/],
  ['--sed=4', /did you mean --seed/],
  ['--hlp', /^unknown flag --hlp, did you mean --help\?$/],
  ['--mix=kil', /^--mix: must be .*, did you mean kill\?/],
  ['--transport=htp', /^--transport: must be one of redis, http, both, did you mean http\?/],
])('%s is refused by its name', (flag, fault) => {
  expect(faultsOf([flag, '--servers=2'])).toEqual([expect.stringMatching(fault)]);
});

it('the command that repeats a run makes the same options', () => {
  const argv = ['--seed=4711', '--duration=5m', '--mix=kill=3,late', '--transport=http', '--agents=7'];
  const options = optionsOf(loadChaosConfig(argv));
  const [, flags = ''] = commandOf(options).split(' -- ');
  expect(optionsOf(loadChaosConfig(flags.split(' ')))).toEqual(options);
});
