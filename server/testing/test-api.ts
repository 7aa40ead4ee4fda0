import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { undocumented } from './documented-answers.js';
import { refusedByDocument } from './documented-requests.js';
import { type TestAnswer } from './test-answer.js';

export { type TestAnswer } from './test-answer.js';

export interface TestRequest {
  /** An object is sent as JSON; a string as it is, with no Content-Type of its own. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Aborted: the client goes away. */
  readonly signal?: AbortSignal;
}

const isJson = (type: string | undefined) => type !== undefined && /^application\/(\w+\+)?json/.test(type);

/**
 * Sends requests as a plain client does: one connection each, any header. Not `fetch`, which has its
 * own mind about some headers, and a pool that outlives a test.
 *
 * Every answer, and every request that was carried out, is compared with the OpenAPI document, so that
 * every test shows that the document is true.
 */
export class TestApi {
  readonly url: string;
  readonly #isStandIn: boolean;

  /** @param isStandIn there is no Fencepost behind it, but a few handlers of the test's own */
  constructor(url: string, isStandIn = false) {
    this.url = url;
    this.#isStandIn = isStandIn;
  }

  async send(method: string, path: string, { body, headers, signal }: TestRequest = {}): Promise<TestAnswer> {
    const isText = typeof body === 'string' || body === undefined;
    const payload = isText ? body : JSON.stringify(body);
    const sent = request(`${this.url}${path}`, {
      method,
      agent: false,
      headers: {
        ...(isText ? {} : { 'content-type': 'application/json' }),
        ...(payload === undefined ? {} : { 'content-length': String(Buffer.byteLength(payload)) }),
        ...headers,
      },
      ...(signal ? { signal } : {}),
    });
    return new Promise((answered, failed) => {
      sent.once('error', failed);
      sent.once('response', (response) => {
        text(response).then((answer) => {
          const parsed: unknown =
            isJson(response.headers['content-type']) && answer !== '' ? JSON.parse(answer) : answer;
          const whole = { status: response.statusCode ?? 0, headers: response.headers, body: parsed };
          const faults = this.#isStandIn ? [] : undocumented(method, path, whole);
          const isDone = whole.status < 300 && !this.#isStandIn;
          if (isDone) faults.push(...refusedByDocument(method, path, payload));
          if (faults.length === 0) answered(whole);
          else failed(new Error(`docs/reference/openapi.json does not describe this: ${faults.join('; ')}`));
        }, failed);
      });
      sent.end(payload);
    });
  }

  get(path: string, options?: TestRequest): Promise<TestAnswer> {
    return this.send('GET', path, options);
  }

  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<TestAnswer> {
    return this.send('POST', path, { body, headers });
  }
}
