import { type TestAnswer, type TestApi, type TestRequest } from './test-api.js';

/** Sends, by hand, the requests of an agent in any language. */
export class TestAgents {
  readonly #api: TestApi;

  constructor(api: TestApi) {
    this.#api = api;
  }

  next(query: Readonly<Record<string, string | number>>, options?: TestRequest): Promise<TestAnswer> {
    const text = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    return this.#api.get(`/commands/next?${text.join('&')}`, options);
  }

  report(id: string, body: Readonly<Record<string, unknown>>): Promise<TestAnswer> {
    return this.#api.send('PUT', `/commands/${id}/result`, { body });
  }

  complete(id: string, agentId: string, more: Readonly<Record<string, unknown>> = {}): Promise<TestAnswer> {
    return this.report(id, { agentId, status: 'COMPLETED', result: { ok: true }, ...more });
  }

  renew(body: Readonly<Record<string, unknown>>): Promise<TestAnswer> {
    return this.#api.post('/commands/renew', body);
  }

  reportProgress(body: Readonly<Record<string, unknown>>): Promise<TestAnswer> {
    return this.#api.post('/commands/progress', body);
  }

  release(id: string, body: Readonly<Record<string, unknown>>): Promise<TestAnswer> {
    return this.#api.post(`/commands/${id}/release`, body);
  }

  register(agentId: string, body: Readonly<Record<string, unknown>>): Promise<TestAnswer> {
    return this.#api.send('PUT', `/agents/${agentId}`, { body });
  }

  leave(agentId: string, session: string): Promise<TestAnswer> {
    return this.#api.send('DELETE', `/agents/${agentId}?session=${session}`);
  }

  drain(agentId: string): Promise<TestAnswer> {
    return this.#api.send('POST', `/agents/${agentId}/drain`);
  }
}

/** The body of an answer, as an object of which the test names what it wants. */
export const bodyOf = (answer: TestAnswer) => answer.body as Readonly<Record<string, unknown>>;

/** The id of the command that a poll gave; '' for none. */
export const givenId = (answer: TestAnswer): string =>
  answer.status === 200 ? String(bodyOf(answer).commandId) : '';
