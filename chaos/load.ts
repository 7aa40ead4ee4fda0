import { type OnAgentLost, type Submission } from '../shared/protocol/commands.js';
import { type Dice } from './dice.js';

/** All agents serve all of them: some in this order, some by weight. */
export const queues = ['urgent', 'default', 'bulk'] as const;

export type Queues = readonly [string, ...string[]];

/** The type that no agent knows by itself: chaos/commands/steps.mjs. */
export const ownType = 'STEPS';
/** The label of its commands in the report. */
export const ownLabel = 'reports its progress';

/** The commands that a client submits in one request, and their label in the report. */
export interface Order {
  readonly commands: readonly [Submission, ...Submission[]];
  readonly label: string;
  readonly wish: Wish;
}

/** The operator's actions on the commands of an order. */
export interface Wish {
  /** How long after its acceptance the operator cancels it; null: never. */
  readonly cancelAfterMs: number | null;
  /** Whether the operator retries it, once, should it fail. */
  readonly retry: boolean;
}

type Extra = Omit<Submission, 'type' | 'payload' | 'onAgentLost' | 'queue'>;

interface Recipe {
  readonly label: string;
  readonly weight: number;
  readonly type: 'HTTP_GET_JSON' | 'DELAY' | typeof ownType;
  readonly payload: (dice: Dice, ledgerUrl: string) => Submission['payload'];
  readonly extra?: (dice: Dice) => Extra;
}

/** Nothing listens on port 1. */
const nobodyUrl = 'http://127.0.0.1:1/';

const quick: Recipe['payload'] = (_dice, url) => ({ url });
const long: Recipe['payload'] = (dice, url) => ({ url: `${url}/?delayMs=${dice.between(1200, 2500)}` });
const slow: Recipe['payload'] = (dice, url) => ({ url: `${url}/?delayMs=${dice.between(100, 600)}` });

/** Progress is reported four times a second at most: most of these report several times. */
const inSteps: Recipe['payload'] = (dice, url) => ({ url, steps: dice.between(5, 30), everyMs: 50 });

/**
 * All kinds of commands that there are. A share is slow, so that faults hit executions; another is long, so
 * that an agent that wakes up late finds another at work.
 */
const recipes: readonly Recipe[] = [
  { label: 'quick', weight: 30, type: 'HTTP_GET_JSON', payload: quick },
  { label: 'slow', weight: 35, type: 'HTTP_GET_JSON', payload: slow },
  { label: 'long', weight: 9, type: 'HTTP_GET_JSON', payload: long },
  { label: 'DELAY', weight: 8, type: 'DELAY', payload: (dice) => ({ ms: dice.between(0, 400) }) },
  {
    label: ownLabel,
    weight: 14,
    type: ownType,
    payload: inSteps,
    // The history checker knows the timeouts of built-in types alone.
    extra: () => ({ timeoutMs: 30_000 }),
  },
  {
    label: 'fails once, maxAttempts 3',
    weight: 4,
    type: 'HTTP_GET_JSON',
    payload: (_dice, url) => ({ url: `${url}/?failFirst=1` }),
    extra: () => ({ maxAttempts: 3 }),
  },
  {
    label: 'no answer, maxAttempts 2',
    weight: 3,
    type: 'HTTP_GET_JSON',
    payload: () => ({ url: nobodyUrl }),
    extra: () => ({ maxAttempts: 2 }),
  },
  {
    label: 'delayMs',
    weight: 5,
    type: 'HTTP_GET_JSON',
    payload: quick,
    extra: (dice) => ({ delayMs: dice.between(50, 800) }),
  },
  {
    label: 'runAt',
    weight: 4,
    type: 'HTTP_GET_JSON',
    payload: quick,
    extra: (dice) => ({ runAt: new Date(Date.now() + dice.between(50, 800)).toISOString() }),
  },
  {
    label: 'ttlMs',
    weight: 5,
    type: 'HTTP_GET_JSON',
    payload: quick,
    extra: (dice) => ({ ttlMs: dice.between(20, 2000) }),
  },
  {
    label: 'timeoutMs',
    weight: 3,
    type: 'HTTP_GET_JSON',
    payload: slow,
    extra: (dice) => ({ timeoutMs: dice.between(50, 300) }),
  },
  {
    label: 'maxLosses 1',
    weight: 3,
    type: 'HTTP_GET_JSON',
    payload: slow,
    extra: () => ({ maxLosses: 1 }),
  },
];

const batchShare = 0.08;
const cancelShare = 0.1;
const retryShare = 0.15;

/** Half of the cancels come at once, when most commands wait; the others while they run, or have ended. */
function drawWish(dice: Dice): Wish {
  const cancelAfterMs = dice.chance(0.5) ? 0 : dice.between(1, 1500);
  return {
    cancelAfterMs: dice.chance(cancelShare) ? cancelAfterMs : null,
    retry: dice.chance(retryShare),
  };
}

const told = ({ cancelAfterMs, retry }: Wish) =>
  (cancelAfterMs === null ? '' : ', cancelled') + (retry ? ', retried if it fails' : '');

export interface LoadOptions {
  /** The ledger, at which all effects happen. */
  readonly ledgerUrl: string;
  /** The queues that agents serve; all that there are when left out. */
  readonly queues?: Queues | undefined;
  /** Whether agents have loaded `ownType`: the load goes without it otherwise. */
  readonly hasOwnType: boolean;
}

/** Draws what a client asks for next. */
export function drawOrder(dice: Dice, { ledgerUrl, queues: to = queues, hasOwnType }: LoadOptions): Order {
  const known = recipes.filter(({ type }) => hasOwnType || type !== ownType);
  const recipe = dice.weighed(known.map((one) => [one, one.weight] as const));
  const onAgentLost = dice.oneOf<OnAgentLost>(['fail', 'retry']);
  const draw = (): Submission => ({
    type: recipe.type,
    payload: recipe.payload(dice, ledgerUrl),
    onAgentLost,
    queue: dice.oneOf(to),
    ...recipe.extra?.(dice),
  });
  const label = `${recipe.label}, onAgentLost ${onAgentLost}`;
  if (!dice.chance(batchShare)) {
    const commands = [draw()] as const;
    const wish = drawWish(dice);
    return { commands, label: label + told(wish), wish };
  }
  const commands = [draw(), ...Array.from({ length: dice.between(1, 5) }, draw)] as const;
  const wish = drawWish(dice);
  return { commands, label: `batch: ${label}${told(wish)}`, wish };
}
