import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';

/** One block of a stream, as it came. */
export interface Block {
  readonly id?: string;
  readonly event?: string;
  readonly data?: unknown;
  readonly retry?: string;
  readonly comment?: string;
}

/** Reads Server-Sent Events as a client that sees every byte, and that may stop reading. */
export class EventClient {
  readonly headers: IncomingHttpHeaders;
  readonly blocks: Block[] = [];
  /** The blocks with data, which an EventSource would dispatch. */
  readonly events: Block[] = [];
  /** Resolves when the stream is over: `end` in good order, else `cut`. */
  readonly over: Promise<'end' | 'cut'>;
  readonly #response: IncomingMessage;
  #text = '';
  #onBlock: () => void = () => undefined;

  private constructor(response: IncomingMessage) {
    this.#response = response;
    this.headers = response.headers;
    response.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    // A connection that breaks is an end, not a fault, of this client.
    response.on('error', () => undefined);
    this.over = new Promise((over) => {
      response.once('close', () => over(response.complete ? 'end' : 'cut'));
    });
  }

  /** @param socketPath of a server that listens there: its buffers fill with less than those of TCP */
  static async open(
    url: string,
    headers: Readonly<Record<string, string>> = {},
    socketPath?: string,
  ): Promise<EventClient> {
    const where = socketPath === undefined ? {} : { socketPath };
    const sent = request(url, { agent: false, headers, ...where }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return new EventClient(response);
  }

  get lastEventId(): string {
    return this.blocks.findLast(({ id }) => id !== undefined)?.id ?? '';
  }

  /** Resolves when a block that matches has come. */
  async until(matches: (block: Block) => boolean): Promise<void> {
    for (let seen = 0; !this.blocks.slice(seen).some(matches);) {
      seen = this.blocks.length;
      await this.#more();
    }
  }

  /** Resolves when there are so many events. */
  async untilEvents(count: number): Promise<void> {
    while (this.events.length < count) await this.#more();
  }

  /** Reads nothing more, so that the socket fills. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  /** Goes away. */
  close(): void {
    this.#response.destroy();
  }

  #more(): Promise<void> {
    return new Promise((told) => (this.#onBlock = told));
  }

  #read(text: string): void {
    const parts = (this.#text + text).split('\n\n');
    this.#text = parts.pop() ?? '';
    const blocks = parts.map(blockOf);
    this.blocks.push(...blocks);
    this.events.push(...blocks.filter(({ data }) => data !== undefined));
    this.#onBlock();
  }
}

function blockOf(text: string): Block {
  const fields = text.split('\n').map((line) => {
    const [name = '', value = ''] = line.split(/: ?(.*)/);
    if (name === 'data') return [name, JSON.parse(value) as unknown];
    return [name === '' ? 'comment' : name, value];
  });
  return Object.fromEntries(fields) as Block;
}
