import { type Redis } from 'ioredis';
import { z } from 'zod';

/**
 * Reads several things at one moment, in which no script of Fencepost's comes in between: a reply per
 * call, in order; null for one that Redis refuses. Not as a transaction: a full Redis takes none.
 *
 * @param calls reads only; Redis refuses everything else
 */
export async function readAtOnce(
  redis: Redis,
  keys: readonly string[],
  calls: readonly (readonly string[])[],
): Promise<unknown[]> {
  const args = calls.map((call) => JSON.stringify(call));
  return z.array(z.unknown()).parse(await redis.call('EVAL_RO', script, keys.length, ...keys, ...args));
}

/** `false` is what Lua makes of null, and of it null is made again. */
const script = `#!lua flags=no-writes
local replies = {}
for i, call in ipairs(ARGV) do
  local reply = redis.pcall(unpack(cjson.decode(call)))
  if type(reply) == 'table' and reply.err then reply = false end
  replies[i] = reply
end
return replies
`;
