import { Socket } from 'node:net';
import { atOnce, noTraffic, type Pace, PacedWriter } from './paced-writer.js';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** A writer whose socket keeps what it is given. */
function writerAt(pace: { now: Pace }) {
  const written: string[] = [];
  const socket = new Socket();
  jest.spyOn(socket, 'write').mockImplementation((bytes) => {
    written.push(String(bytes));
    return true;
  });
  return { writer: new PacedWriter(socket, () => pace.now, noTraffic()), written };
}

it('writes a slice a turn while a line is sliced, and all that is left when it is healed', () => {
  const pace = { now: { delayMs: 0, sliceBytes: 2 } };
  const { writer, written } = writerAt(pace);
  writer.write(Buffer.from('abcdefgh'));
  jest.runOnlyPendingTimers();
  expect(written).toEqual(['ab']);
  pace.now = atOnce;
  writer.write(Buffer.from('ij'));
  jest.runOnlyPendingTimers();
  expect(written.join('')).toBe('abcdefghij');
});
