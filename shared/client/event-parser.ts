/** A block of a stream of Server-Sent Events: an event, or only an id. */
export interface ParsedEvent {
  /** The stream's last id, from this block or one before it. */
  readonly lastEventId: string;
  readonly event: string;
  /** '' for a block without data, which is no event but may carry an id. */
  readonly data: string;
}

/**
 * Reads `text/event-stream` as the standard has it:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 *
 * Our own, since eventsource-parser 3 drops an id that comes without data. Fencepost's heartbeats are
 * such blocks: without their ids, a client of a quiet stream would come back with one that is long gone.
 */
export class EventParser {
  /** The server's latest `retry`, in ms: how long to wait before a new connection. Undefined before the first. */
  retryMs: number | undefined;
  #rest = '';
  #isFirst = true;
  #lastEventId: string;
  #event = '';
  #data: string[] = [];

  /** @param lastEventId the one that the stream was asked for with */
  constructor(lastEventId: string) {
    this.#lastEventId = lastEventId;
  }

  /** @param text in whatever pieces it comes @returns the blocks that it completes */
  read(text: string): ParsedEvent[] {
    const whole = this.#rest + (this.#isFirst ? text.replace(/^\uFEFF/, '') : text);
    this.#isFirst &&= text === '';
    // A CR at the end may be half of a CRLF.
    const lines = whole.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.#readLine(line) ?? []);
  }

  #readLine(line: string): ParsedEvent | undefined {
    if (line === '') return this.#endBlock();
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#event = value;
    else if (name === 'id' && !value.includes('\0')) this.#lastEventId = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
    return undefined;
  }

  #endBlock(): ParsedEvent {
    const parsed = {
      lastEventId: this.#lastEventId,
      event: this.#event === '' ? 'message' : this.#event,
      data: this.#data.join('\n'),
    };
    this.#event = '';
    this.#data = [];
    return parsed;
  }
}
