import { type NewCommand } from '../../shared/lifecycle/transitions.js';

/** The commands that a request wants stored: all of them or none. */
export interface Stored {
  readonly commands: readonly NewCommand[];
}

/** A batch with keys: one whose key came with another body keeps the others from being stored. */
export const isWhole = ({ commands }: Stored) =>
  commands.length > 1 && commands.some(({ digest }) => digest !== '');

/**
 * Most that several requests put into one call: 200 commands take Redis about 4 ms, in which it does
 * nothing else. A request that has more goes alone, as it came.
 */
export const sharedCallLimits = { commands: 200, payloadBytes: 1024 * 1024 } as const;

/** Puts requests into as few calls as they fit in, in their order. One that is whole goes alone. */
export function submissionBatches<Request extends Stored>(requests: readonly Request[]): Request[][] {
  const calls: Request[][] = [];
  let commands = Infinity;
  let payloadBytes = Infinity;
  for (const request of requests) {
    if (isWhole(request)) {
      calls.push([request]);
      commands = Infinity;
      continue;
    }
    const bytes = request.commands.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0);
    commands += request.commands.length;
    payloadBytes += bytes;
    if (commands > sharedCallLimits.commands || payloadBytes > sharedCallLimits.payloadBytes) {
      calls.push([]);
      commands = request.commands.length;
      payloadBytes = bytes;
    }
    calls.at(-1)?.push(request);
  }
  return calls;
}
