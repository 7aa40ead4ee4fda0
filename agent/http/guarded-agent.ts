import dns from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { BlockedAddress, isBlockedAddress } from './blocked-addresses.js';

/** Where names are looked up and sockets opened: the system's, or a test's. */
export interface Network {
  readonly lookup: (
    hostname: string,
    options: dns.LookupAllOptions,
    callback: (error: NodeJS.ErrnoException | null, addresses: dns.LookupAddress[]) => void,
  ) => void;
  readonly buildConnector: (options: buildConnector.BuildOptions) => buildConnector.connector;
}

export const systemNetwork: Network = { lookup: dns.lookup, buildConnector };

/**
 * An undici Agent that connects to no blocked address, whatever a name resolves to at which moment.
 * It is made for one command and destroyed with it: nothing is shared between commands, and an
 * aborted `signal` also ends a connection that is still being made, which undici alone would leave
 * to its connect timeout. Proxies named in the environment are not used.
 */
export function guardedAgent(signal: AbortSignal, network: Network): Agent {
  return new Agent({
    connect: guardedConnector(signal, network),
    // No keep-alive: a kept connection that its server closes at that moment is a failure for nothing.
    pipelining: 0,
    // The command's signal limits the whole; a limit per phase would only end a long command early.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

function guardedConnector(signal: AbortSignal, network: Network): buildConnector.connector {
  const connect = network.buildConnector({ signal, timeout: 0, lookup: guardedLookup(network.lookup) });
  return (options, callback) => {
    // `lookup` is not called for an IP address. Whatever its notation was, URL has made it canonical.
    if (isIP(options.hostname) !== 0 && isBlockedAddress(options.hostname)) {
      callback(new BlockedAddress(options.hostname), null);
      return;
    }
    connect(options, (error, socket) => {
      if (error) {
        callback(error, null);
        return;
      }
      const refusal = refusalOf(socket.remoteAddress);
      if (refusal) {
        socket.destroy();
        callback(refusal, null);
      } else {
        socket.on('error', tellResetFromEnd);
        callback(null, socket);
      }
    });
  };
}

/**
 * undici takes ECONNRESET for the end of a body that has no length (for the sake of macOS), which
 * passes off a part as the whole. It goes by the code; this listener comes before its own.
 */
function tellResetFromEnd(error: NodeJS.ErrnoException): void {
  if (error.code === 'ECONNRESET') error.code = 'ECONNABORTED';
}

/** The authority: the address that the socket really is connected to, before anything is written to it. */
function refusalOf(remoteAddress: string | undefined): Error | undefined {
  if (remoteAddress === undefined) return new Error('the target closed the connection at once');
  return isBlockedAddress(remoteAddress) ? new BlockedAddress(remoteAddress) : undefined;
}

/**
 * Filters the very addresses that are connected to: there is no second lookup that could answer
 * otherwise. A name may have a blocked address beside good ones (`host.local` often has a
 * link-local one), so it is refused only when nothing is left.
 */
function guardedLookup(lookup: Network['lookup']): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) {
        callback(error, []);
        return;
      }
      const allowed = addresses.filter(({ address }) => !isBlockedAddress(address));
      const [first] = allowed;
      if (!first) callback(new BlockedAddress(...addresses.map(({ address }) => address)), []);
      else if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}
