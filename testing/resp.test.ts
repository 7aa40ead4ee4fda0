import { commandAt, NotResp, type Parsed, ReplyError, replyAt } from './resp.js';

const bytes = (text: string) => Buffer.from(text);

test.each([
  ['+OK\r\n', 'OK'],
  [':-12\r\n', -12],
  ['$4\r\nné!\r\n', 'né!'],
  ['$0\r\n\r\n', ''],
  ['$-1\r\n', null],
  ['_\r\n', null],
  ['#t\r\n', true],
  [',1.5\r\n', 1.5],
  ['*-1\r\n', null],
  ['*3\r\n$3\r\nrun\r\n:1\r\n*0\r\n', ['run', 1, []]],
  ['%1\r\n+a\r\n:1\r\n', ['a', 1]],
  ['>2\r\n+message\r\n+hello\r\n', ['message', 'hello']],
  ['|1\r\n+ttl\r\n:1\r\n+OK\r\n', 'OK'],
  ['-NOSCRIPT none\r\n', new ReplyError('NOSCRIPT none')],
])('reads the reply %j', (text, value) => {
  expect(replyAt(bytes(text), 0)).toEqual({ value, end: bytes(text).length });
});

test('reads a command, and where the next one begins', () => {
  const buffer = bytes('*2\r\n$3\r\nGET\r\n$2\r\né\r\n*1\r\n$4\r\nPING\r\n');
  const first = commandAt(buffer, 0);
  expect(first?.value).toEqual(['GET', 'é']);
  expect(commandAt(buffer, first?.end ?? 0)).toEqual({ value: ['PING'], end: buffer.length });
});

test.each<[string, string, (buffer: Buffer, start: number) => Parsed<unknown> | undefined]>([
  ['command', '*2\r\n$3\r\nGET\r\n$2\r\nab\r\n', commandAt],
  ['reply', '*2\r\n$3\r\nrun\r\n%1\r\n+a\r\n:1\r\n', replyAt],
])('waits for the rest of a %s, wherever it is cut', (_, text, readAt) => {
  for (let length = 0; length < text.length; length++) {
    expect(readAt(bytes(text.slice(0, length)), 0)).toBeUndefined();
  }
  expect(readAt(bytes(text), 0)?.end).toBe(text.length);
});

test('refuses what is not RESP', () => {
  expect(() => commandAt(bytes('PING\r\n'), 0)).toThrow(NotResp);
  expect(() => commandAt(bytes('*1\r\n:1\r\n'), 0)).toThrow(NotResp);
  expect(() => commandAt(bytes('*x\r\n'), 0)).toThrow(NotResp);
  expect(() => replyAt(bytes('what\r\n'), 0)).toThrow(NotResp);
});
