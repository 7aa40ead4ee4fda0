import { HandlerSignal } from './handler-signal.js';

const first = new Error('first');

test.each([
  ['before it was asked for', (abort: HandlerSignal) => abort.abort(first)],
  ['after it was asked for', (abort: HandlerSignal) => (void abort.signal, abort.abort(first))],
])('a signal that was aborted %s is aborted, with the first reason', (_, strike) => {
  const abort = new HandlerSignal();
  strike(abort);
  abort.abort(new Error('second'));
  expect(abort.signal.aborted).toBe(true);
  expect(abort.signal.reason).toBe(first);
  expect(abort.reason).toBe(first);
});

test('one that was not aborted has no reason, and stays the same signal', () => {
  const abort = new HandlerSignal();
  const { signal } = abort;
  expect(signal.aborted).toBe(false);
  expect(abort.reason).toBeUndefined();
  expect(abort.signal).toBe(signal);
});

test('its listener is told once, whenever it came', () => {
  const early = jest.fn();
  const abort = new HandlerSignal();
  abort.whenAborted(early);
  abort.abort(first);
  abort.abort(first);
  expect(early).toHaveBeenCalledTimes(1);
  const late = jest.fn();
  abort.whenAborted(late);
  expect(late).toHaveBeenCalledTimes(1);
});
