import { Pool } from 'undici';
import { z } from 'zod';

const listSchema = z.array(z.object({ Id: z.string(), Labels: z.record(z.string(), z.string()) }));

const inspectionSchema = z.object({
  Id: z.string(),
  Config: z.object({ Labels: z.record(z.string(), z.string()) }),
  State: z.object({
    Running: z.boolean(),
    Paused: z.boolean(),
    ExitCode: z.int(),
    StartedAt: z.string(),
  }),
  NetworkSettings: z.object({
    Networks: z.record(
      z.string(),
      z.object({ NetworkID: z.string(), Aliases: z.array(z.string()).nullish() }),
    ),
  }),
});
export type Inspection = z.infer<typeof inspectionSchema>;

/** The engine refused, or is not there. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}

/**
 * A container engine, by its HTTP API on a unix socket.
 *
 * Paths carry no version, so that the engine answers by its newest: engines drop old versions, and of
 * what is read here nothing has changed in ten years.
 */
export class Engine {
  readonly #pool: Pool;

  /** @param socketPath /var/run/docker.sock */
  constructor(socketPath: string) {
    // A restart is answered when the container is up again, which may take its whole grace period.
    this.#pool = new Pool('http://engine', { socketPath, headersTimeout: 120_000, bodyTimeout: 120_000 });
  }

  /** Ids and labels of all containers with this label, also of those that are stopped. */
  async list(label: string): Promise<z.infer<typeof listSchema>> {
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
    return listSchema.parse(await this.#call('GET', `/containers/json?all=true&filters=${filters}`));
  }

  async inspect(id: string): Promise<Inspection> {
    return inspectionSchema.parse(await this.#call('GET', `/containers/${id}/json`));
  }

  /** SIGKILL. To the engine this is a manual stop: no restart policy brings the container back. */
  async kill(id: string): Promise<void> {
    await this.#call('POST', `/containers/${id}/kill?signal=SIGKILL`);
  }

  async start(id: string): Promise<void> {
    await this.#call('POST', `/containers/${id}/start`);
  }

  /** SIGTERM, SIGKILL after `graceSeconds`, and a start. */
  async restart(id: string, graceSeconds: number): Promise<void> {
    await this.#call('POST', `/containers/${id}/restart?t=${graceSeconds}`);
  }

  async pause(id: string): Promise<void> {
    await this.#call('POST', `/containers/${id}/pause`);
  }

  async unpause(id: string): Promise<void> {
    await this.#call('POST', `/containers/${id}/unpause`);
  }

  async disconnect(id: string, network: string): Promise<void> {
    await this.#call('POST', `/networks/${network}/disconnect`, { Container: id });
  }

  /** @param aliases the names by which others on that network find it */
  async connect(id: string, network: string, aliases: readonly string[]): Promise<void> {
    const body = { Container: id, EndpointConfig: { Aliases: aliases } };
    await this.#call('POST', `/networks/${network}/connect`, body);
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** @throws EngineError with what the engine says */
  async #call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
    const answer = await this.#pool
      .request({
        method,
        path,
        ...(body !== undefined && {
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
      })
      .catch((error: unknown) => {
        throw new EngineError(`the container engine does not answer: ${String(error)}`, { cause: error });
      });
    const text = await answer.body.text();
    if (answer.statusCode >= 400)
      throw new EngineError(`${method} ${path}: ${answer.statusCode} ${text.trim()}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}
