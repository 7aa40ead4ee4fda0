import { flagOf, parseFlags, partFlags } from './flags.js';

const specs = [
  { variable: 'PORT', boolean: false },
  { variable: 'AGENT_ID', boolean: false },
  { variable: 'LOG_PRETTY', boolean: true },
  { variable: 'AGENT_COMMANDS', boolean: false, alias: '--commands' },
];

describe('flags', () => {
  test('are the variable in kebab-case', () => {
    expect(flagOf('AGENT_ID')).toBe('--agent-id');
  });

  test.each([
    [['--port=1', '--agent-id', 'a'], { PORT: '1', AGENT_ID: 'a' }],
    [['--port=1', '--port=2'], { PORT: '2' }],
    [['--log-pretty'], { LOG_PRETTY: 'true' }],
    [['--log-pretty=false'], { LOG_PRETTY: 'false' }],
    [['--port', '-1'], { PORT: '-1' }],
    [['--agent-id=a=b'], { AGENT_ID: 'a=b' }],
    [['--commands', './a.mjs'], { AGENT_COMMANDS: './a.mjs' }],
    [['--commands=a', '--agent-commands=b'], { AGENT_COMMANDS: 'b' }],
  ])('%j is read', (argv, wanted) => {
    const { values, faults } = parseFlags(specs, argv);
    expect(Object.fromEntries(values)).toEqual(wanted);
    expect(faults).toEqual([]);
  });

  test.each([
    [['--porrt=1'], ['unknown flag --porrt, did you mean --port?']],
    [['--porrt', '1'], ['unknown flag --porrt, did you mean --port?']],
    [['--colour'], ['unknown flag --colour']],
    [['--hlp'], ['unknown flag --hlp, did you mean --help?']],
    [['start'], ['unexpected argument "start"']],
    [['--port'], ['--port: a value is missing']],
    [['--port', '--log-pretty'], ['--port: a value is missing']],
    [['--log-pretty', 'false'], ['unexpected argument behind --log-pretty']],
    [['-redis-url=redis://:secret@h'], ['unknown flag -redis-url']],
    [['redis://:se cret@h'], ['unexpected argument "redis://…"']],
  ])('%j is refused', (argv, faults) => {
    expect(parseFlags(specs, argv).faults).toEqual(faults);
  });

  test('meant for another program are parted from our own and from misspelt ones', () => {
    const argv = [
      '--random-failures',
      '--port=1',
      '--kill-after',
      '5',
      '--agent-id',
      'a',
      '--porrt=2',
      '--crash-at=x',
    ];
    expect(partFlags(specs, argv)).toEqual({
      own: ['--port=1', '--agent-id', 'a', '--porrt=2'],
      foreign: ['--random-failures', '--kill-after', '5', '--crash-at=x'],
    });
  });
});
