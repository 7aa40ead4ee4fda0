import { isUtf8 } from 'node:buffer';
import { request, type Dispatcher } from 'undici';
import { readBody, type Body } from './body.js';
import { acceptedEncodings } from './content-decoding.js';
import { guardedAgent, systemNetwork, type Network } from './guarded-agent.js';
import { TransportFailure } from './transport-failure.js';
import { version } from '../../shared/runtime/version.js';
import { parseUrl } from '../../shared/runtime/parse-url.js';

const maxRedirects = 3;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);

/** The size of undici's own buffer: large enough to be never full, see `ByteLimit`. */
const highWaterMark = 1024 * 1024;

const plainHeaders = {
  accept: 'application/json, */*;q=0.5',
  'accept-encoding': acceptedEncodings,
  'user-agent': `fencepost/${version}`,
};

export interface GetOptions {
  /** Sent to the first origin only: another origin must not learn whose command this is. */
  readonly firstOriginHeaders: Readonly<Record<string, string>>;
  readonly maxBodyBytes: number;
  /** Ends everything, at whatever point it is. */
  readonly signal: AbortSignal;
  /** The system's when left out. */
  readonly network?: Network | undefined;
}

export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly body: Body;
  /** Why a redirect was not followed, and is the answer itself. */
  readonly problem: string | null;
  /** The host of the last hop. */
  readonly host: string;
}

/**
 * Gets a URL, over at most three redirects, with every hop's address checked. Leaves no connection
 * behind.
 *
 * @throws TransportFailure when no whole answer came
 */
export async function get(url: URL, options: GetOptions): Promise<Answer> {
  const agent = guardedAgent(options.signal, options.network ?? systemNetwork);
  try {
    return await followed(url, agent, options);
  } finally {
    await agent.destroy();
  }
}

async function followed(start: URL, dispatcher: Dispatcher, options: GetOptions): Promise<Answer> {
  let url = start;
  let headers: Record<string, string> = { ...plainHeaders, ...options.firstOriginHeaders };
  for (let redirects = 0; ; redirects += 1) {
    try {
      // undici would connect first, and look at the signal then.
      options.signal.throwIfAborted();
      const response = await request(url, { dispatcher, headers, signal: options.signal, highWaterMark });
      const next = redirectOf(response, url, redirects);
      if (!(next instanceof URL)) return await answerOf(response, url, next, options.maxBodyBytes);
      response.body.on('error', () => undefined).destroy();
      if (next.origin !== url.origin) headers = plainHeaders;
      url = next;
    } catch (error) {
      throw new TransportFailure(url, options.signal.aborted ? options.signal.reason : error);
    }
  }
}

/** Where to go next; null if this is no redirect; or why it is not followed. */
function redirectOf(response: Dispatcher.ResponseData, url: URL, redirects: number): URL | string | null {
  const location = headerOf(response, 'location');
  if (!redirectStatuses.has(response.statusCode) || location === undefined) return null;
  if (redirects === maxRedirects) return `more than ${maxRedirects} redirects`;
  const reference = headerText(location);
  const target = parseUrl(reference, url);
  if (!target) return 'a redirect to what is no URL';
  if (!/^https?:$/.test(target.protocol)) return `a redirect to ${target.protocol}, which is not followed`;
  if (target.username !== '' || target.password !== '')
    return 'a redirect with credentials, which is not followed';
  return target;
}

async function answerOf(
  response: Dispatcher.ResponseData,
  url: URL,
  problem: string | null,
  maxBytes: number,
): Promise<Answer> {
  return {
    status: response.statusCode,
    header: (name) => headerOf(response, name),
    body: await readBody(response.body, {
      contentEncoding: headerOf(response, 'content-encoding', ',') ?? '',
      contentType: headerOf(response, 'content-type') ?? '',
      maxBytes,
    }),
    problem,
    host: url.host,
  };
}

/** undici decodes header bytes as Latin-1. Servers write paths in UTF-8; other bytes were Latin-1 indeed. */
function headerText(value: string): string {
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes.toString() : value;
}

/** A header that came several times is joined, or the first of them. */
function headerOf(response: Dispatcher.ResponseData, name: string, join?: string): string | undefined {
  const value = response.headers[name];
  if (!Array.isArray(value)) return value;
  return join === undefined ? value[0] : value.join(join);
}
