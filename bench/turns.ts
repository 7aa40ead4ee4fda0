/** Two laps, one right after the other. */
export interface Pair<Lap> {
  readonly ours: Lap;
  readonly theirs: Lap;
}

export interface TurnsOptions<Lap> {
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly ours: () => Promise<Lap>;
  readonly theirs: () => Promise<Lap>;
  readonly onPair?: (pair: Pair<Lap>, number: number) => void;
}

/**
 * Lets two run in turns, A B A B …: what the machine does beside them, and how it drifts, meets both, and
 * each pair's ratio is of two neighbours. A first pair warms up and is not counted.
 */
export async function inTurns<Lap>({
  rounds,
  signal,
  ours,
  theirs,
  onPair,
}: TurnsOptions<Lap>): Promise<Pair<Lap>[]> {
  const pairs: Pair<Lap>[] = [];
  for (let number = 0; number <= rounds; number++) {
    signal.throwIfAborted();
    const pair = { ours: await ours(), theirs: await theirs() };
    if (number === 0) continue;
    pairs.push(pair);
    onPair?.(pair, number);
  }
  return pairs;
}
