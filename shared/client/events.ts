import { type Readable } from 'node:stream';
import {
  type ResyncEvent,
  resyncEventSchema,
  type TransitionEvent,
  transitionEventSchema,
} from '../protocol/api.js';
import { pause } from '../runtime/service.js';
import { CombinedSignal } from './combined-signal.js';
import { UnexpectedResponseError } from './errors.js';
import { EventParser, type ParsedEvent } from './event-parser.js';
import { type ServerCalls } from './server-calls.js';

interface Sent {
  /** To go on after it: `lastEventId`. */
  readonly eventId: string;
}

/**
 * An item that `events` yields. `transition`: where a command is now. `resync`: transitions may be missing
 * up to here, so a client that keeps a picture of commands must read it again.
 */
export type ClientEvent =
  | ({ readonly kind: 'transition' } & Sent & TransitionEvent)
  | ({ readonly kind: 'resync' } & Sent & ResyncEvent);

export interface EventsOptions {
  /** Only events of this command. */
  readonly commandId?: string | undefined;
  /** Begin after this one, of an earlier stream. */
  readonly lastEventId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called for each new connection: everything from now on is reported, even if that connection breaks. */
  readonly onOpen?: (() => void) | undefined;
  /** A stream that is silent for so long is given up for a new one; servers send a heartbeat every 15 s. */
  readonly silenceMs?: number | undefined;
}

/** Where an end of a stream leaves its reader. */
interface Position {
  lastEventId: string;
  retryMs: number;
}

/** The pause before a new connection, until a server has named its own. */
const usualRetryMs = 1000;

/** Reads events, over as many connections as it takes. */
export async function* readEvents(
  calls: ServerCalls,
  options: EventsOptions,
): AsyncGenerator<ClientEvent, void, undefined> {
  const { commandId, lastEventId = '', signal, onOpen, silenceMs = 45_000 } = options;
  const query = commandId === undefined ? '' : `?commandId=${encodeURIComponent(commandId)}`;
  const position: Position = { lastEventId, retryMs: usualRetryMs };
  for (;;) {
    const { text } = await calls.stream({
      method: 'GET',
      path: `events${query}`,
      headers: position.lastEventId === '' ? {} : { 'last-event-id': position.lastEventId },
      signal,
    });
    try {
      yield* readStream(text, position, silenceMs, onOpen);
    } finally {
      text.destroy();
    }
    const cut = new CombinedSignal([signal, calls.closed]);
    // Cut short, the next call throws.
    await pause(position.retryMs, cut.signal);
    cut.release();
  }
}

/** Until it ends, breaks or falls silent: for its reader these are the same. */
async function* readStream(
  text: Readable,
  position: Position,
  silenceMs: number,
  onOpen: (() => void) | undefined,
): AsyncGenerator<ClientEvent, void, undefined> {
  const parser = new EventParser(position.lastEventId);
  const parts: AsyncIterator<unknown, undefined> = text[Symbol.asyncIterator]();
  // A stream begins with its position, as the first block.
  for (let isOpen = false; ;) {
    const part = await nextPart(text, parts, silenceMs);
    if (part === undefined) return;
    for (const parsed of parser.read(part)) {
      position.lastEventId = parsed.lastEventId;
      position.retryMs = parser.retryMs ?? position.retryMs;
      if (!isOpen) onOpen?.();
      isOpen = true;
      const event = eventOf(parsed);
      if (event) yield event;
    }
  }
}

/** Silence is counted only while something is waited for: a reader that takes its time is none. */
async function nextPart(text: Readable, parts: AsyncIterator<unknown, undefined>, silenceMs: number) {
  const timer = setTimeout(() => text.destroy(), silenceMs);
  try {
    const { done, value } = await parts.next();
    return done ? undefined : String(value);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** @returns undefined for what is no event, or of a kind that this client does not know */
function eventOf({ event, data, lastEventId: eventId }: ParsedEvent): ClientEvent | undefined {
  if (data === '') return undefined;
  try {
    const json: unknown = JSON.parse(data);
    if (event === 'transition') return { kind: event, eventId, ...transitionEventSchema.parse(json) };
    if (event === 'resync') return { kind: event, eventId, ...resyncEventSchema.parse(json) };
    return undefined;
  } catch (cause) {
    throw new UnexpectedResponseError(`an event ${event} that this client does not understand`, { cause });
  }
}
