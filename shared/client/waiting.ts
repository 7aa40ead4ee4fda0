import { type CommandView } from '../protocol/commands.js';
import { backoffMs } from '../runtime/backoff.js';
import { isAborted, pause } from '../runtime/service.js';
import { CombinedSignal } from './combined-signal.js';
import { WaitTimeoutError } from './errors.js';

export interface WaitOptions {
  /** How long at most; for as long as it takes when left out. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @param waitSeconds for which the answer may be held until the command has ended */
type Read = (waitSeconds: number, signal: AbortSignal) => Promise<CommandView>;

/** How long one answer is held: shorter than the idle time of common proxies, which is a minute. */
const heldSeconds = 30;
/** An answer that is held until the last moment would come too late. */
const answerMs = 100;
/** The longest that a timer can be set to. */
const longestTimerMs = 2 ** 31 - 1;

const hasEnded = ({ status }: CommandView) => status === 'COMPLETED' || status === 'FAILED';

/** Asks for a command again and again, each time for as long as a server holds the answer, until it has ended. */
export async function waitFor(
  commandId: string,
  { timeoutMs = Infinity, signal, closed }: WaitOptions & { readonly closed: AbortSignal },
  read: Read,
): Promise<CommandView> {
  const until = performance.now() + timeoutMs;
  const timedOut = () => new WaitTimeoutError(`${commandId} had not ended after ${timeoutMs} ms`, last);
  const cut = new CombinedSignal([signal, closed], timeoutMs > longestTimerMs ? undefined : timeoutMs);
  let last: CommandView | undefined;
  try {
    for (let early = 0; ;) {
      const askedAt = performance.now();
      const leftSeconds = Math.floor((until - askedAt - answerMs) / 1000);
      const waitSeconds = Math.max(0, Math.min(heldSeconds, leftSeconds));
      last = await read(waitSeconds, cut.signal);
      if (hasEnded(last)) return last;
      // A server that stops answers early. More than once, and it would be a busy loop.
      const wasHeld = waitSeconds > 0 && performance.now() - askedAt > waitSeconds * 500;
      early = wasHeld ? 0 : early + 1;
      if (early > 1) await pause(100 + backoffMs(early, { firstMs: 100, maxMs: 2000 }), cut.signal);
      cut.signal.throwIfAborted();
    }
  } catch (error) {
    // Unless its caller ended it, what cut it is the time that is over.
    const isCallers = isAborted(closed) || (signal !== undefined && isAborted(signal));
    if (isAborted(cut.signal) && !isCallers) throw timedOut();
    throw error;
  } finally {
    cut.release();
  }
}
