import { Readable } from 'node:stream';
import { commandText, endedText } from './command-text.js';
import { Terminal } from './terminal.js';
import { type Command } from '../../shared/client/client.js';

/** Text that sets a title, clears the screen, makes up a line, sets colours, and turns round and hides text. */
const evil =
  '\u001b]0;PWNED\u0007\u001b[2J\r\nmade-up  COMPLETED\u001b[32m\u009b31m\u202e\u2066\u200b\u{e0041}\u2028';

let out = '';
let aside = '';
beforeEach(() => ([out, aside] = ['', '']));
const terminal = new Terminal(
  {
    stdin: Readable.from([]),
    stdout: { isTTY: true, write: (text: string) => void (out += text) },
    stderr: { isTTY: true, write: (text: string) => void (aside += text) },
  },
  new AbortController().signal,
);

/** The colours of this program, and line feeds at the ends of lines. */
const withoutOurs = (text: string) =>
  text.replaceAll(/\u001b\[(1|2|22|31|32|36|39)m/g, '').replaceAll('\n', '');
const isHarmless = (text: string) =>
  !/[\p{Cc}\p{Bidi_Control}\u200b\u2028\u{e0041}]/u.test(withoutOurs(text));

const command = {
  commandId: '01a20347-41c9-70fb-9717-be09e4a1f184',
  status: 'FAILED',
  type: 'DELAY',
  payload: { [evil]: evil },
  error: { code: 'EXECUTION_FAILED', message: evil, executed: 'yes' },
  history: [
    { attempt: 1, agentId: evil, reason: evil, recordedAt: 'now', error: { code: evil, message: evil } },
  ],
} as unknown as Command;

test('what others wrote is harmless in tables and texts, and makes up no line', () => {
  const lines = [...commandText(command, terminal.paint), endedText(command, terminal.paint)];
  for (const line of lines) terminal.print(line);
  expect(isHarmless(out)).toBe(true);
  expect(out.trimEnd().split('\n')).toHaveLength(lines.length);
  expect(out).toContain('\\u001b]0;PWNED\\u0007\\u001b[2J\\r\\nmade-up');
  // Theirs is no colour, ours is.
  expect(out).toContain('COMPLETED\\u001b[32m\\u009b31m\\u202e\\u2066\\u200b\\udb40\\udc41\\u2028');
  expect(out).toContain('\u001b[31mFAILED\u001b[39m');
});

test('the same on standard error', () => {
  terminal.say(`${evil} x`);
  expect(isHarmless(aside)).toBe(true);
});

test('JSON is harmless and exact', () => {
  terminal.printJson(command);
  expect(isHarmless(out)).toBe(true);
  expect(JSON.parse(out)).toEqual(command);
});

test('letters of every script, emoji of several parts and joiners are as they were', () => {
  const text = 'für 日本 مرحبا 👩‍👩‍👧 می‌خواهم';
  terminal.print(text);
  expect(out).toBe(`${text}\n`);
});
