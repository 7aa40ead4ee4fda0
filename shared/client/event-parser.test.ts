import { EventParser } from './event-parser.js';

const read = (...parts: string[]) => {
  const parser = new EventParser('');
  return parts
    .flatMap((part) => parser.read(part))
    .map(({ lastEventId, event, data }) => [lastEventId, event, data]);
};

// The examples of the standard, section 9.2.6.
test.each([
  ['data of several lines', 'data: YHOO\ndata: +2\ndata: 10\n\n', [['', 'message', 'YHOO\n+2\n10']]],
  [
    'a comment, an id, an id that is reset, and one leading space',
    ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n',
    [
      ['', 'message', ''],
      ['1', 'message', 'first event'],
      ['', 'message', 'second event'],
      ['', 'message', ' third event'],
    ],
  ],
  ['a block that is not complete', 'data: half', []],
  ['a name', 'event: add\ndata: 73857293\n\n', [['', 'add', '73857293']]],
  [
    'an id that stays, also one without data',
    'id: 7\n\nevent: a\ndata: 1\n\n',
    [
      ['7', 'message', ''],
      ['7', 'a', '1'],
    ],
  ],
  ['an id with a NUL, which is none', 'id: a\0b\ndata: x\n\n', [['', 'message', 'x']]],
  ['fields that it does not know', 'what: x\ndata: y\n\n', [['', 'message', 'y']]],
  ['a byte order mark', '\uFEFFdata: x\n\n', [['', 'message', 'x']]],
])('reads %s', (_what, text, events) => {
  expect(read(text)).toEqual(events);
});

test.each(['\n', '\r\n', '\r'])(
  'reads the same with lines that end in %j, in whatever pieces it comes',
  (end) => {
    const text = [
      ': hi',
      'id: 1',
      '',
      'event: a',
      'data: x',
      'data: y',
      'retry: 12',
      '',
      'data: z',
      '',
      '',
    ].join(end);
    const whole = [
      ['1', 'message', ''],
      ['1', 'a', 'x\ny'],
      ['1', 'message', 'z'],
    ];
    // A CR at the very end may be half of a CRLF: the block that it completes is returned with the next piece.
    expect(read(...text.split(''), end)).toEqual(expect.arrayContaining(whole));
    for (let cut = 0; cut <= text.length; cut++) {
      expect(read(text.slice(0, cut), text.slice(cut), ':').slice(0, 3)).toEqual(whole);
    }
  },
);

test('says how long to wait before a new connection', () => {
  const parser = new EventParser('');
  parser.read('retry: soon\n');
  expect(parser.retryMs).toBeUndefined();
  parser.read('retry: 1500\n');
  expect(parser.retryMs).toBe(1500);
});

test('begins with the id that the stream was asked for with', () => {
  expect(new EventParser('7').read('data: x\n\n')).toEqual([
    { lastEventId: '7', event: 'message', data: 'x' },
  ]);
});
