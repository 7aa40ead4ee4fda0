import { errorCode } from '../../shared/runtime/error-code.js';
import { BlockedAddress } from './blocked-addresses.js';

/** The meaning of the codes of Node, getaddrinfo and undici, in plain words. */
const meanings = new Map([
  ['ENOTFOUND', 'no such host name'],
  ['EAI_AGAIN', 'the host name could not be looked up'],
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'connection reset'],
  ['ECONNABORTED', 'connection reset'],
  ['EPIPE', 'connection reset'],
  ['ETIMEDOUT', 'connection timed out'],
  ['EHOSTUNREACH', 'host unreachable'],
  ['ENETUNREACH', 'network unreachable'],
  ['EPROTO', 'TLS failed'],
  ['UND_ERR_SOCKET', 'the target closed the connection'],
  ['UND_ERR_HEADERS_OVERFLOW', 'the headers of the answer are too large'],
]);

/** No whole HTTP answer came. The message names the host and the cause, and nothing else of the URL. */
export class TransportFailure extends Error {
  override readonly name = 'TransportFailure';
  /** A blocked address stays blocked; a network may recover. */
  readonly retryable: boolean;

  constructor(url: URL, cause: unknown) {
    super(`no whole answer from ${url.host}: ${describe(cause)}`, { cause });
    this.retryable = !(cause instanceof BlockedAddress);
  }
}

function describe(cause: unknown): string {
  // A host with several addresses, none of which could be connected to: the first error is enough.
  if (has(cause, 'errors') && Array.isArray(cause.errors) && cause.errors.length > 0) {
    return describe(cause.errors[0]);
  }
  const message = has(cause, 'message') ? String(cause.message) : String(cause);
  const code = errorCode(cause);
  return code === undefined ? message : `${meanings.get(code) ?? family(code) ?? message} (${code})`;
}

/** Not instanceof: Node's own errors come from another realm under Jest. */
function has<Key extends string>(value: unknown, key: Key): value is Record<Key, unknown> {
  return typeof value === 'object' && value !== null && key in value;
}

function family(code: string): string | undefined {
  // OpenSSL's own text is a line of file names and numbers.
  return code.startsWith('ERR_SSL_') ? 'TLS failed' : undefined;
}
