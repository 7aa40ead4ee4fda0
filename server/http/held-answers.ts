import { type Request, type Response } from 'express';
import { type Bounds, PeerCount } from './peer-count.js';
import { Problem } from './problem.js';

/**
 * Bounds the answers that a server holds: `?wait=`, polls of agents, and streams of events. Each costs
 * memory, and a look now and then, for as long as its client likes. Answers sent at once are not counted.
 */
export class HeldAnswers {
  readonly #count: PeerCount;

  constructor(bounds: Bounds) {
    this.#count = new PeerCount(bounds);
  }

  /** Counts an answer until its connection or the answer ends. @throws Problem when there are too many */
  hold(request: Request, response: Response): void {
    const peer = request.socket.remoteAddress ?? '';
    const bound = this.#count.add(peer);
    if (bound === undefined) return void response.once('close', () => this.#count.remove(peer));
    const what = bound.ofOnePeer
      ? `for this address already (MAX_HELD_PER_PEER)`
      : `already (MAX_HELD): waits, polls and streams together`;
    throw new Problem('too_many_held', `${bound.most} answers are held ${what}; ask without wait, or later`, {
      headers: { 'Retry-After': '1' },
    });
  }
}
