import { LazyAbortSignal } from './lazy-abort-signal.js';

const first = new Error('first');

test.each([
  ['before it was asked for', (abort: LazyAbortSignal) => abort.abort(first)],
  ['after it was asked for', (abort: LazyAbortSignal) => (void abort.signal, abort.abort(first))],
])('a signal that was aborted %s is aborted, with the first reason', (_, strike) => {
  const abort = new LazyAbortSignal();
  strike(abort);
  abort.abort(new Error('second'));
  expect(abort.signal.aborted).toBe(true);
  expect(abort.signal.reason).toBe(first);
  expect(abort.reason).toBe(first);
});

test('one that was not aborted has no reason, and stays the same signal', () => {
  const abort = new LazyAbortSignal();
  const { signal } = abort;
  expect(signal.aborted).toBe(false);
  expect(abort.reason).toBeUndefined();
  expect(abort.signal).toBe(signal);
});

test('a listener is called once, whenever it was added', () => {
  const early = jest.fn();
  const abort = new LazyAbortSignal();
  abort.whenAborted(early);
  abort.abort(first);
  abort.abort(first);
  expect(early).toHaveBeenCalledTimes(1);
  const late = jest.fn();
  abort.whenAborted(late);
  expect(late).toHaveBeenCalledTimes(1);
});
