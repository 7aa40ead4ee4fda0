import { type Registry } from 'prom-client';

/** These are the messages between a server's workers and the process that started them. */

/** The figures of one process, by family. */
export type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

export type ToWorker =
  | { readonly kind: 'stop' }
  /** Asks for the figures of this worker. */
  | { readonly kind: 'measure'; readonly request: number }
  /** Answers `measure all`. */
  | { readonly kind: 'measured all'; readonly request: number; readonly figures: readonly Figures[] };

export type ToPool =
  /** Asks for the figures of all workers. */
  | { readonly kind: 'measure all'; readonly request: number }
  /** Answers `measure`. */
  | { readonly kind: 'measured'; readonly request: number; readonly figures: Figures };

/** Other libraries, and Node itself, send messages on the same channel. */
export function isOfKind<Message extends { readonly kind: string }>(
  message: unknown,
  kinds: readonly Message['kind'][],
): message is Message {
  return (
    typeof message === 'object' &&
    message !== null &&
    'kind' in message &&
    kinds.some((kind) => kind === message.kind)
  );
}

/** Returns the URL that a server sends to the process that started it, when it is ready (shared/runtime/parent.ts). */
export function readyUrl(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null || !('ready' in message)) return undefined;
  return 'url' in message && typeof message.url === 'string' ? message.url : undefined;
}
