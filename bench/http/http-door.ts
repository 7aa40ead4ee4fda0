import { Pool } from 'undici';
import { type NewCommand, type SubmitReply } from '../../shared/lifecycle/transitions.js';
import { type Door } from '../fencepost.js';

/** Fencepost's API in front of its script: a batch is one `POST /commands/batch`, whose ids the server makes. */
export class HttpDoor implements Door {
  readonly #pool: Pool;

  /** @param connections kept alive; as many batches may be under way */
  constructor(url: string, connections: number) {
    this.#pool = new Pool(url, { connections, pipelining: 1 });
  }

  async submit(commands: readonly NewCommand[]): Promise<SubmitReply[]> {
    const { statusCode, body } = await this.#pool.request({
      method: 'POST',
      path: '/commands/batch',
      headers: { 'content-type': 'application/json' },
      body: batchBody(commands),
    });
    const text = await body.text();
    if (statusCode !== 202) throw new Error(`the server answered ${statusCode}: ${text.slice(0, 1000)}`);
    return commands.map(() => ({ word: 'accepted' }));
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

/** @param commands whose payload is JSON text */
export function batchBody(commands: readonly Pick<NewCommand, 'type' | 'payload'>[]): string {
  const items = commands.map(({ type, payload }) => `{"type":"${type}","payload":${payload}}`);
  return `{"commands":[${items.join(',')}]}`;
}
