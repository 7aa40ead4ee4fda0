const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * On Ctrl-C the terminal sends SIGINT to every process in the foreground, and npm passes its own on
 * to its child as well: one keystroke, two signals. What comes this soon is the first one's echo.
 */
const echoMs = 500;

export interface StopHandlers {
  /** Stop in order. */
  readonly first: (signal: NodeJS.Signals) => void;
  /** The user insists: exit at once. */
  readonly second: (signal: NodeJS.Signals) => void;
}

/**
 * Calls `first` at the first SIGINT, SIGTERM or SIGHUP, and `second` at the next.
 *
 * @returns takes the handlers away again
 */
export function onStopSignals({ first, second }: StopHandlers): () => void {
  let firstAt: number | undefined;
  const handle = (signal: NodeJS.Signals) => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      first(signal);
    } else if (performance.now() - firstAt >= echoMs) {
      second(signal);
    }
  };
  for (const signal of stopSignals) process.on(signal, handle);
  return () => {
    for (const signal of stopSignals) process.off(signal, handle);
  };
}
