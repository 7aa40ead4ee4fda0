import { type ServerResponse } from 'node:http';

/** A stream that took nothing for so many heartbeats is given up. */
const mostFullBeats = 2;

/** One client of `GET /events`. Events that it cannot take now are not kept for it, but read from the ring later. */
export class EventStream {
  readonly commandId: string | undefined;
  /** The position up to which it was sent everything; undefined while it was sent all that any client was sent. */
  behind: number | undefined;
  readonly #response: ServerResponse;
  #fullBeats = 0;

  /**
   * @param commandId the only command that it follows; undefined for all
   * @param onDrain called when it can take more
   */
  constructor(response: ServerResponse, commandId: string | undefined, onDrain: () => void) {
    this.#response = response;
    this.commandId = commandId;
    response.on('drain', () => {
      this.#fullBeats = 0;
      onDrain();
    });
  }

  /** Whether its socket takes nothing now, so that more would only be held in memory. */
  get isFull(): boolean {
    return this.#response.writableNeedDrain;
  }

  write(text: string | Buffer): void {
    if (!this.#response.destroyed) this.#response.write(text);
  }

  /** Counts a heartbeat of all streams. @returns whether this one still takes anything */
  beat(): boolean {
    if (this.isFull) this.#fullBeats++;
    return this.#fullBeats < mostFullBeats;
  }

  /** Ends the stream in good order, or at once when that would have to wait for its client. */
  end(): void {
    if (this.isFull) this.#response.destroy();
    else this.#response.end();
  }
}
