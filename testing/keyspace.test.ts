import { partitionKeys } from '../shared/store/keys.js';
import { keyName, parseMarker } from './keyspace.js';

test('the judge and the product agree about the names of keys', () => {
  const keys = partitionKeys('7');
  expect(
    [
      keys.command('c'),
      keys.marker('c'),
      keys.stream('q.1'),
      keys.history('c'),
      keys.session('a'),
      keys.scheduled,
      keys.queues,
      keys.paused,
      keys.index,
      keys.failedIndex,
      keys.counts,
    ].map(keyName),
  ).toEqual([
    { kind: 'command', of: 'c' },
    { kind: 'exec', of: 'c' },
    { kind: 'commands', of: 'q.1' },
    { kind: 'history', of: 'c' },
    { kind: 'session', of: 'a' },
    { kind: 'scheduled', of: '' },
    { kind: 'queues', of: '' },
    { kind: 'paused', of: '' },
    { kind: 'index', of: '' },
    { kind: 'index', of: 'failed' },
    { kind: 'counts', of: '' },
  ]);
});

test.each(['fencepost:agent:a', 'fencepost:meta', 'fencepost:{0', 'fencepost:{0}:recovery', 'bull:x'])(
  'has no use for the key %s',
  (key) => expect(keyName(key)).toBeUndefined(),
);

test('reads a marker with a session, and one without', () => {
  expect(parseMarker('3:agent-1:box.12')).toEqual({ attempt: 3, agentId: 'agent-1', session: 'box.12' });
  expect(parseMarker('1:curl:')).toEqual({ attempt: 1, agentId: 'curl', session: '' });
});
