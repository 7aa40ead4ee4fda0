/** Node fires a timer that is set to more than this after a millisecond. */
const longestMs = 2 ** 31 - 1;

/**
 * `setTimeout` for any length, also beyond 24.8 days.
 *
 * @returns ends it; it does nothing when it has fired
 */
export function setLongTimer(ms: number, fire: () => void): () => void {
  const until = performance.now() + ms;
  let timer: NodeJS.Timeout;
  const wait = (leftMs: number) => {
    timer = setTimeout(
      () => (leftMs > longestMs ? wait(until - performance.now()) : fire()),
      Math.min(leftMs, longestMs),
    );
  };
  wait(ms);
  return () => clearTimeout(timer);
}
