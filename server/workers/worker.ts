import cluster from 'node:cluster';
import { type Figures, isOfKind, type ToPool, type ToWorker } from './worker-messages.js';

/** Whether this process is one of several that share a server's port. */
export const isWorker = (): boolean => cluster.isWorker;

/** @param stop called when this worker is to stop in good order */
export function stopWithPool(stop: () => void): void {
  process.on('message', (message: unknown) => {
    if (isOfKind<ToWorker>(message, ['stop'])) stop();
  });
}

/** How long the figures of all may take. */
const patienceMs = 2000;
let requests = 0;
const waiting = new Map<number, (figures: readonly Figures[]) => void>();

/** Answers the pool, which collects the figures of all, with those of this worker. @param own gives them */
export function answerWithFigures(own: () => Promise<Figures>): void {
  process.on('message', (message: unknown) => {
    if (!isOfKind<ToWorker>(message, ['measure', 'measured all'])) return;
    if (message.kind === 'measured all') waiting.get(message.request)?.(message.figures);
    else if (message.kind === 'measure') {
      void own().then((figures) => send({ kind: 'measured', request: message.request, figures }));
    }
  });
}

/**
 * The figures of all workers, once `answerWithFigures` was called.
 *
 * @throws when they cannot be had: this worker's own would look like a fall of what all have counted
 */
export async function figuresOfAll(): Promise<readonly Figures[]> {
  const request = ++requests;
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<readonly Figures[]>((resolve, reject) => {
      waiting.set(request, resolve);
      timer = setTimeout(
        () => reject(new Error('the figures of the other workers cannot be had')),
        patienceMs,
      );
      send({ kind: 'measure all', request });
    });
  } finally {
    clearTimeout(timer);
    waiting.delete(request);
  }
}

function send(message: ToPool): void {
  process.send?.(message, undefined, undefined, () => undefined);
}
