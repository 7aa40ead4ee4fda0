import { type ServerResponse } from 'node:http';

/** A stream that took nothing for so many beats is given up. */
const mostFullBeats = 2;

/** One client of `GET /events`. What it cannot take now is not kept for it: it is behind, and read from the ring. */
export class EventStream {
  readonly commandId: string | undefined;
  /** The position up to which it was told everything; undefined while that is all that was sent to anybody. */
  behind: number | undefined;
  readonly #response: ServerResponse;
  #fullBeats = 0;

  /**
   * @param commandId the only command that it wants to hear of
   * @param onDrain it can take more
   */
  constructor(response: ServerResponse, commandId: string | undefined, onDrain: () => void) {
    this.#response = response;
    this.commandId = commandId;
    response.on('drain', () => {
      this.#fullBeats = 0;
      onDrain();
    });
  }

  /** Its socket takes nothing now: more would only be held in memory. */
  get isFull(): boolean {
    return this.#response.writableNeedDrain;
  }

  write(text: string | Buffer): void {
    if (!this.#response.destroyed) this.#response.write(text);
  }

  /** A moment in the steady beat of all streams. @returns whether it still takes anything */
  beat(): boolean {
    if (this.isFull) this.#fullBeats++;
    return this.#fullBeats < mostFullBeats;
  }

  /** Ends it in good order, or, when that would have to wait for its client, at once. */
  end(): void {
    if (this.isFull) this.#response.destroy();
    else this.#response.end();
  }
}
