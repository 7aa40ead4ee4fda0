import { type Redis } from 'ioredis';
import { group, partitionKeys } from '../shared/store/keys.js';
import { withLanes } from '../shared/store/lanes.js';

const keys = partitionKeys();

/** Commands of the entries that are pending under a consumer (ARGV[1], '' for any) in these streams. */
const pendingScript = `
local ids = {}
for i = 2, #ARGV do
  local ask = { 'XPENDING', ARGV[i], '${group}', '-', '+', 1000 }
  if ARGV[1] ~= '' then ask[#ask + 1] = ARGV[1] end
  local rows = redis.pcall(unpack(ask))
  for _, row in ipairs(rows.err and {} or rows) do
    local found = redis.call('XRANGE', ARGV[i], row[1], row[1])[1]
    if found then ids[#ids + 1] = found[2][2] end
  end
end
return ids`;

/** Commands delivered to one agent, or to all when none is named, and not acknowledged. */
export async function readPending(
  redis: Redis,
  queues: readonly string[],
  agentId = '',
): Promise<readonly string[]> {
  const all = await withLanes(redis, keys, queues);
  const ids: unknown = await redis.eval(pendingScript, 0, agentId, ...all.map(keys.stream));
  return Array.isArray(ids) ? ids.map(String) : [];
}
