import { RedisUnavailable } from '../redis/redis-fault.js';
import { type Endpoint } from './endpoint.js';
import { Problem } from './problem.js';

const sendAgain = 'Whether the request was carried out is unknown: send the same request again';
const refusedChange = 'Redis refused the change, so it was not made: send the same request again';

/**
 * Wraps an endpoint whose requests agents or operators may retry: when Redis is unavailable, the problem advises it.
 *
 * @param advice how to retry the request, where the usual advice does not fit
 */
export function retryable(endpoint: Endpoint, advice: string = sendAgain): Endpoint {
  const handle: Endpoint['handle'] = async (request, response) => {
    try {
      await endpoint.handle(request, response);
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      throw new Problem(
        'redis_unavailable',
        `${error.message}. ${error.wasRefused ? refusedChange : advice}`,
        {
          headers: { 'Retry-After': '1' },
          cause: error,
        },
      );
    }
  };
  return { ...endpoint, handle };
}
