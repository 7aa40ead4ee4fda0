import { setMaxListeners } from 'node:events';
import { type Submission } from '../shared/protocol/commands.js';
import { pause } from '../shared/runtime/service.js';
import { type ClientLog, type Operation, type Post, type SeenCommand } from '../testing/client-log.js';
import { type Dice } from './dice.js';
import { drawOrder, type LoadOptions, type Order, type Wish } from './load.js';
import { isKey, type Watch } from './watch.js';

/** A server as its clients see it. */
export interface Desk {
  readonly url: string;
  /** The requests that clients have in flight there: keys of submissions, ids of commands that are read. */
  readonly requests: Set<{ readonly about: readonly string[] }>;
  /** Records a request to this server that got no answer. */
  noteBroken(about: readonly string[]): void;
}

export interface ClientsOptions {
  readonly servers: readonly Desk[];
  readonly load: LoadOptions;
  readonly log: ClientLog;
  readonly watch: Watch;
  /** How long an idempotency key is known after its command has ended: `RETENTION_MS` of the servers. */
  readonly retentionMs: number;
  /** The random numbers of one client: what it asks for must not depend on how often it had to ask. */
  readonly diceOf: (client: number, what: 'orders' | 'pauses') => Dice;
  readonly count: number;
}

/** Servers guarantee an answer within 2 s; these clients want one sooner, since they have another server to ask. */
const submitTimeoutMs = 1000;
const readSeconds = 1;
const readTimeoutMs = 500;

/**
 * Closed-loop clients, each as the guide wants it: a key for each submission, sent again with that key,
 * to any server, until it is accepted; then read until it has ended; only then the next.
 */
export class Clients {
  readonly #options: ClientsOptions;
  /** The number of commands, by the label of their order. */
  readonly mix: Record<string, number> = {};
  /** Answers that no client should ever get. */
  readonly troubles: string[] = [];
  readonly #idsByKey = new Map<string, readonly string[]>();
  readonly #over = new AbortController();
  readonly #givenUp = new AbortController();
  #done: Promise<unknown> = Promise.resolve();

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  start(): void {
    // Every client waits for this signal, and more than once with batches.
    setMaxListeners(0, this.#givenUp.signal);
    this.#done = Promise.all(Array.from({ length: this.#options.count }, (_, i) => this.#run(i + 1)));
  }

  /** Lets each client finish its current order. @returns whether all did within that time */
  async finish(withinMs: number): Promise<boolean> {
    this.#over.abort();
    const late = new AbortController();
    const isDone = await Promise.race([
      this.#done.then(() => true),
      pause(withinMs, late.signal).then(() => false),
    ]);
    late.abort();
    this.#givenUp.abort();
    await this.#done;
    return isDone;
  }

  /** Returns the command ids with which the submission of a key was answered; an id is returned as it is. */
  idsOf(idOrKey: string): readonly string[] {
    return this.#idsByKey.get(idOrKey) ?? (isKey(idOrKey) ? [] : [idOrKey]);
  }

  async #run(number: number): Promise<void> {
    const { diceOf, servers } = this.#options;
    const client = new Client(number, diceOf(number, 'pauses'), servers);
    const dice = diceOf(number, 'orders');
    for (let orders = 1; !this.#over.signal.aborted; orders++) {
      const order = drawOrder(dice, this.#options.load);
      const ids = await this.#place(client, order, `${client.name}-${orders}`);
      this.mix[order.label] = (this.mix[order.label] ?? 0) + order.commands.length;
      await Promise.all(ids.map((id) => this.#follow(client, id, order.wish)));
    }
  }

  async #place(client: Client, { commands, label }: Order, key: string): Promise<readonly string[]> {
    if (commands.length === 1) return this.#insist(client, commands[0], key, label);
    const ids = await this.#placeBatch(client, commands, key, label);
    if (ids) return ids;
    // The batch was sent without a key: sent again, it would be stored again. Each command can be sent with its own.
    const each = commands.map((command, i) => this.#insist(client, command, `${key}-${i + 1}`, label));
    return (await Promise.all(each)).flat();
  }

  async #placeBatch(
    client: Client,
    commands: Order['commands'],
    key: string,
    label: string,
  ): Promise<readonly string[] | undefined> {
    const { log } = this.#options;
    const submit = (url: string) => log.submitBatch(url, commands, { timeoutMs: submitTimeoutMs });
    const post = await client.visit([key], submit, isUnknown);
    // The batch is not sent again: answered or not, the client no longer waits for it.
    this.#answered(key, post, label);
    return post.outcome === 'accepted' ? post.ids : undefined;
  }

  /**
   * Retries until the submission is accepted, or until so long after the first try that its command may soon
   * have ended and been pruned: after that a retry may create a new command, as the guide explains. The other
   * half of the retention is for a request that is in transit for long.
   */
  async #insist(client: Client, command: Submission, key: string, label: string): Promise<readonly string[]> {
    const { log, retentionMs } = this.#options;
    const options = { idempotencyKey: key, timeoutMs: submitTimeoutMs };
    const firstAt = performance.now();
    while (!this.#givenUp.signal.aborted) {
      const post = await client.visit([key], (url) => log.submit(url, command, options), isUnknown);
      const isAnswered = post.outcome !== 'unknown' && !wasNotHeard(post);
      if (isAnswered || performance.now() - firstAt >= retentionMs / 2) {
        this.#answered(key, post, label);
        return post.ids;
      }
      await client.rest(this.#givenUp.signal);
    }
    return [];
  }

  #answered(key: string, post: Post, label: string): void {
    const { outcome, ids, refusal } = post;
    if (outcome === 'refused' && !wasNotHeard(post)) {
      this.troubles.push(`the submission ${key} (${label}) was refused: ${refusal}`);
    }
    this.#idsByKey.set(key, ids);
    for (const id of ids) this.#options.watch.sawAccepted(id);
    this.#options.watch.accepted(key);
  }

  async #follow(client: Client, id: string, { cancelAfterMs, retry }: Wish): Promise<void> {
    if (cancelAfterMs !== null) {
      await pause(cancelAfterMs, this.#givenUp.signal);
      await this.#operate(client, id, `/commands/${id}/cancel`);
    }
    const ended = await this.#untilEnded(client, id);
    if (!retry || ended?.status !== 'FAILED') return;
    // The retry names the failure: however often it is sent, the command is retried once.
    await this.#operate(client, id, `/commands/${id}/retry?finishedAt=${ended.finishedAt}`);
    await this.#untilEnded(client, id);
  }

  /** Sends an operation until a server answers it. */
  async #operate(client: Client, id: string, path: string): Promise<void> {
    const options = { timeoutMs: submitTimeoutMs };
    while (!this.#givenUp.signal.aborted) {
      const operate = (url: string) => this.#options.log.operate(url, path, options);
      const { outcome } = await client.visit([id], operate, isUnknown);
      if (outcome !== 'unknown') return;
      await client.rest(this.#givenUp.signal);
    }
  }

  async #untilEnded(client: Client, id: string): Promise<SeenCommand | undefined> {
    const { log } = this.#options;
    const options = { waitSeconds: readSeconds, timeoutMs: readTimeoutMs };
    while (!this.#givenUp.signal.aborted) {
      const view = await client.visit([id], (url) => log.read(url, id, options), isNothing);
      if (view?.status === 'COMPLETED' || view?.status === 'FAILED') {
        this.#options.watch.sawEnded(id, view.status, view.attempt);
        return view;
      }
      // The command was pruned while no server could be asked for long, or was lost; the history checker finds
      // out which.
      if (view === null) {
        this.#options.watch.sawGone(id);
        return undefined;
      }
      if (!view) await client.rest(this.#givenUp.signal);
    }
    return undefined;
  }
}

/** One client: it stays with a server that answers, and goes to the next when one does not. */
class Client {
  readonly name: string;
  readonly #pauses: Dice;
  readonly #servers: readonly Desk[];
  #at: number;

  constructor(number: number, pauses: Dice, servers: readonly Desk[]) {
    this.name = `client-${number}`;
    this.#pauses = pauses;
    this.#servers = servers;
    this.#at = number;
  }

  async visit<T>(
    about: readonly string[],
    call: (url: string) => Promise<T>,
    isBroken: (answer: T) => boolean,
  ): Promise<T> {
    const at = this.#at;
    const server = this.#servers[at % this.#servers.length];
    if (!server) throw new Error('no server');
    const request = { about };
    server.requests.add(request);
    try {
      const answer = await call(server.url);
      if (isBroken(answer)) {
        server.noteBroken(about);
        // Several requests may notice the failure at once.
        if (this.#at === at) this.#at++;
      }
      return answer;
    } finally {
      server.requests.delete(request);
    }
  }

  /** Pauses before the next try. */
  rest(signal: AbortSignal): Promise<void> {
    return pause(this.#pauses.between(20, 150), signal);
  }
}

const isUnknown = ({ outcome }: Pick<Post | Operation, 'outcome'>) => outcome === 'unknown';
/**
 * The request crossed a 408, on a connection that had been opened for a request that was given up before it was
 * sent, and must be sent again. Like every other refusal, it is reported to the history checker as one that had
 * no effect.
 */
const wasNotHeard = ({ refusal }: Post) => refusal?.startsWith('408 ') ?? false;
const isNothing = (view: unknown) => view === undefined;
