import { type ServerResponse } from 'node:http';
import { type Logger } from '../../shared/runtime/logger.js';
import { Loop, type Service } from '../../shared/runtime/service.js';
import { type TransitionFeed } from './transition-feed.js';
import { EventStream } from './event-stream.js';
import { heartbeatText, openingText, resyncText, retryText, textOf } from './event-text.js';
import { type Heard, TransitionRing } from './transition-ring.js';

export interface EventStreamsOptions {
  readonly feed: Pick<TransitionFeed, 'listenToAll'>;
  readonly logger: Logger;
  /** How many transitions are kept for clients that come back. */
  readonly kept?: number;
  readonly heartbeatMs?: number;
}

export interface EventRequest {
  /** The only command to send transitions of; all commands when left out. */
  readonly commandId?: string | undefined;
  /** The id after which to begin. */
  readonly lastEventId?: string | undefined;
}

/** The most events in one write, which bounds what a full socket can hold back. */
const mostAtOnce = 500;
/** The first event is sent at once; those that follow within this time are sent together. */
const gatherMs = 50;

/**
 * The streams of `GET /events`. Clients that keep up share one text of each event; a client that does
 * not keep up falls behind in the ring, not in memory of its own, and is sent `resync` when the ring has
 * moved on without it: it must read again.
 *
 * The feed may miss transitions, and every gap is sent as a `resync` too. When this process dies, clients
 * come back to it, or to another server, with an id that is not of its ring, and read again.
 */
export class EventStreams implements Service {
  readonly #options: EventStreamsOptions;
  readonly #ring: TransitionRing;
  readonly #beats: Loop;
  readonly #toAll = new Set<EventStream>();
  readonly #toOne = new Map<string, Set<EventStream>>();
  #size = 0;
  /** The position up to which everything was sent. */
  #sent = 0;
  #sentAt = -Infinity;
  #sending: NodeJS.Timeout | undefined;
  #unlisten: (() => void) | undefined;
  #ending = false;

  constructor(options: EventStreamsOptions) {
    const { kept, heartbeatMs = 15_000, logger } = options;
    this.#options = options;
    this.#ring = new TransitionRing(kept);
    const tick = () => Promise.resolve(this.#beat());
    this.#beats = new Loop({ name: 'the heartbeat of events', intervalMs: heartbeatMs, logger, tick });
  }

  async start(): Promise<void> {
    this.#unlisten ??= this.#options.feed.listenToAll({
      onTransition: (transition) => this.#hear({ ...transition, atMs: Date.now() }),
      onGap: () => this.#hear('gap'),
    });
    await this.#beats.start();
  }

  async stop(): Promise<void> {
    this.end();
    this.#unlisten?.();
    this.#unlisten = undefined;
    await this.#beats.stop();
  }

  /** Ends every stream, and each that is still asked for right after its head: the server stops. */
  end(): void {
    this.#ending = true;
    this.#send();
    for (const stream of this.#all()) {
      this.#drop(stream);
      stream.end();
    }
  }

  /** How many streams are open. */
  get size(): number {
    return this.#size;
  }

  /** Turns a response whose head is sent into a stream, until its client goes away or the server stops. */
  open(response: ServerResponse, { commandId, lastEventId }: EventRequest): void {
    if (this.#ending) {
      response.end();
      return;
    }
    // A client that connects now must not be sent what happened before.
    this.#send();
    const stream = new EventStream(response, commandId, () => this.#catchUp(stream));
    this.#add(stream);
    response.once('close', () => this.#drop(stream));
    const position = lastEventId === undefined ? this.#sent : this.#ring.positionOf(lastEventId);
    if (position === undefined) {
      return stream.write(retryText() + resyncText(this.#ring.idOf(this.#sent), 'unknown_id'));
    }
    stream.write(retryText() + openingText(this.#ring.idOf(position)));
    stream.behind = position;
    this.#catchUp(stream);
  }

  #add(stream: EventStream): void {
    this.#size++;
    if (stream.commandId === undefined) {
      this.#toAll.add(stream);
      return;
    }
    const ofCommand = this.#toOne.get(stream.commandId) ?? new Set();
    this.#toOne.set(stream.commandId, ofCommand.add(stream));
  }

  #drop(stream: EventStream): void {
    const streams = stream.commandId === undefined ? this.#toAll : this.#toOne.get(stream.commandId);
    if (!streams?.delete(stream)) return;
    this.#size--;
    if (stream.commandId !== undefined && streams.size === 0) this.#toOne.delete(stream.commandId);
  }

  #all(): EventStream[] {
    return [...this.#toAll, ...[...this.#toOne.values()].flatMap((streams) => [...streams])];
  }

  #hear(heard: Heard): void {
    this.#ring.push(heard);
    if (this.#size === 0 || this.#ring.end - this.#sent >= mostAtOnce) return this.#send();
    const waitMs = Math.max(0, this.#sentAt + gatherMs - performance.now());
    this.#sending ??= setTimeout(() => this.#send(), waitMs);
  }

  /** Sends the events that arrived since the last call. */
  #send(): void {
    clearTimeout(this.#sending);
    this.#sending = undefined;
    const from = this.#sent;
    const to = this.#ring.end;
    this.#sent = to;
    if (this.#size === 0 || from === to) return;
    this.#sentAt = performance.now();
    if (this.#toAll.size > 0) {
      const text = Buffer.from(this.#text(from, to));
      for (const stream of this.#toAll) give(stream, text, from);
    }
    if (this.#toOne.size > 0) this.#sendToOnes(from, to);
  }

  #sendToOnes(from: number, to: number): void {
    for (const [position, heard] of this.#ring.between(from, to)) {
      const ones = heard === 'gap' ? [...this.#toOne.values()] : [this.#toOne.get(heard.id) ?? new Set()];
      const text = textOf(this.#ring.idOf(position), heard);
      for (const streams of ones) for (const stream of streams) give(stream, text, position - 1);
    }
  }

  #text(from: number, to: number, commandId?: string): string {
    let text = '';
    for (const [position, heard] of this.#ring.between(from, to)) {
      const isWanted = commandId === undefined || heard === 'gap' || heard.id === commandId;
      if (isWanted) text += textOf(this.#ring.idOf(position), heard);
    }
    return text;
  }

  /** Sends a stream that is behind the events that it missed, as long as its socket takes them. */
  #catchUp(stream: EventStream): void {
    while (stream.behind !== undefined && !stream.isFull) {
      const from = stream.behind;
      if (!this.#ring.reaches(from)) {
        stream.behind = undefined;
        return stream.write(resyncText(this.#ring.idOf(this.#sent), 'too_slow'));
      }
      const to = Math.min(from + mostAtOnce, this.#sent);
      stream.behind = to === this.#sent ? undefined : to;
      const text = this.#text(from, to, stream.commandId);
      if (text !== '') stream.write(text);
    }
  }

  #beat(): void {
    this.#send();
    const text = heartbeatText(this.#ring.idOf(this.#sent));
    for (const stream of this.#all()) {
      if (!stream.beat()) {
        this.#options.logger.debug('disconnected a slow client of /events');
        this.#drop(stream);
        stream.end();
      } else if (!stream.isFull && stream.behind === undefined) stream.write(text);
    }
  }
}

/** @param from the position before the text */
function give(stream: EventStream, text: string | Buffer, from: number): void {
  if (stream.isFull || stream.behind !== undefined) stream.behind ??= from;
  else stream.write(text);
}
