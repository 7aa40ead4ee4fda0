/** Most of something that there may be: of all peers together, and of each. */
export interface Bounds {
  readonly inAll: number;
  /** A peer is an address: clients behind one proxy are one peer. */
  readonly perPeer: number;
}

/** The bound that is reached. */
export interface Bound {
  readonly most: number;
  readonly ofOnePeer: boolean;
}

/** Counts what is open, by the address at its other end. */
export class PeerCount {
  readonly #bounds: Bounds;
  readonly #byPeer = new Map<string, number>();
  #all = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  /** @returns the bound that is reached: then it was not added, and must not be removed */
  add(peer: string): Bound | undefined {
    const { inAll, perPeer } = this.#bounds;
    const own = this.#byPeer.get(peer) ?? 0;
    if (this.#all >= inAll) return { most: inAll, ofOnePeer: false };
    if (own >= perPeer) return { most: perPeer, ofOnePeer: true };
    this.#byPeer.set(peer, own + 1);
    this.#all++;
    return undefined;
  }

  remove(peer: string): void {
    const own = (this.#byPeer.get(peer) ?? 0) - 1;
    if (own > 0) this.#byPeer.set(peer, own);
    else this.#byPeer.delete(peer);
    this.#all--;
  }
}
