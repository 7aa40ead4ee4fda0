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

/** How long the figures of all may take; then only this worker's own are shown. */
const patienceMs = 2000;
let requests = 0;

/**
 * The figures of all workers.
 *
 * @param own those of this one
 * @returns its own alone, when the others' cannot be had
 */
export async function figuresOfAll(own: () => Promise<Figures>): Promise<readonly Figures[]> {
  const request = ++requests;
  let hear: (message: unknown) => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const all = await new Promise<readonly Figures[]>((resolve) => {
    hear = (message) => {
      if (isOfKind<ToWorker>(message, ['measured all']) && message.kind === 'measured all') {
        if (message.request === request) resolve(message.figures);
      }
    };
    process.on('message', hear);
    timer = setTimeout(() => resolve([]), patienceMs);
    send({ kind: 'measure all', request });
  });
  clearTimeout(timer);
  process.off('message', hear);
  return all.length > 0 ? all : [await own()];
}

/** Answers whoever collects the figures of all. @param own those of this worker */
export function answerWithFigures(own: () => Promise<Figures>): void {
  process.on('message', (message: unknown) => {
    if (!isOfKind<ToWorker>(message, ['measure']) || message.kind !== 'measure') return;
    void own().then((figures) => send({ kind: 'measured', request: message.request, figures }));
  });
}

function send(message: ToPool): void {
  process.send?.(message, undefined, undefined, () => undefined);
}
