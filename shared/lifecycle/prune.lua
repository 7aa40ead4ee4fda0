#!lua flags=allow-oom
-- prune: COMPLETED | FAILED -> (none). Deletes commands that ended long enough ago, with everything that
-- is theirs. It reads the index by itself, oldest first, from where the last call stopped: what was
-- submitted long ago and has not ended, or has ended only now, must not be all that it ever looks at.
--
-- KEYS  root
-- ARGV  retentionMs   how long a command is kept after it ended
--       retentionMax  most ended commands that are kept: beyond it, the oldest go sooner
--       floorMs       nothing that ended later than that ago goes, whatever the two allow: a submission may
--                     be in flight for so long, and would be carried out a second time
--       crowdedMs     the same, where only retentionMax wants it to go
--       rank          where in the index to go on: 0, or what the last call answered
--       most          how many commands to look at
--
-- Guards, per id: COMPLETED or FAILED, and `finishedAt` is at least max(retentionMs, floorMs) ago; or it
--   is at least max(crowdedMs, floorMs) ago, and more than retentionMax have ended. Else it is left as
--   it is, also when its key is not what Fencepost put there. An id without a command (its key was deleted
--   by hand) is dropped from the indexes, once it is as old.
-- Reply   { now, pruned, next }   next: the rank to go on at; 0 when nothing behind it can be due yet
-- Events  none: a client that asks for a command that is gone is answered that there is none
local retentionMs, retentionMax, floorMs = numberAt(1), numberAt(2), numberAt(3)
local crowdedMs, rank, most = numberAt(4), numberAt(5), numberAt(6)

local index = root .. 'index'
local page = redis.pcall('ZRANGE', index, rank, rank + most - 1, 'WITHSCORES')
if page.err then return { now, 0, 0 } end

local dueBy = now - math.max(retentionMs, floorMs)
local crowdedBy = now - math.max(crowdedMs, floorMs)
local counts = redis.pcall('HMGET', root .. 'counts', 'COMPLETED', 'FAILED')
local excess = (tonumber(counts[1] or 0) or 0) + (tonumber(counts[2] or 0) or 0) - retentionMax
-- Nothing ends before it was submitted, so nothing younger than this can be due. In milliseconds, as are
-- scores but for their last digits: a batch of a thousand may reach a millisecond ahead.
local youngest = (excess > 0 and math.max(dueBy, crowdedBy) or dueBy) + 2

local doomed, keys, failed, behindMs = {}, {}, {}, 0

local function condemn(id)
  doomed[#doomed + 1] = id
  keys[#keys + 1] = commandOf(id)
  keys[#keys + 1] = markerOf(id)
  keys[#keys + 1] = root .. 'history:' .. id
end

-- How many commands each queue loses, so that `retire` knows which have none left.
local lost = {}

local pruned = 0
local function consider(id)
  local command, why = readCommand(id, 'status', 'queue', 'finishedAt')
  if why == 'gone' then
    failed[#failed + 1] = id
    return condemn(id)
  end
  if not command or (command.status ~= 'COMPLETED' and command.status ~= 'FAILED') then return end
  if not command.finishedAt or not isNumber(command.finishedAt) then return end
  local endedAt = tonumber(command.finishedAt)
  if endedAt > dueBy and (excess <= 0 or endedAt > crowdedBy) then return end
  if endedAt <= dueBy then behindMs = math.max(behindMs, dueBy - endedAt) end
  if command.status == 'FAILED' then failed[#failed + 1] = id end
  condemn(id)
  count(command.status, -1)
  local home = homeOf(command.queue)
  lost[home] = (lost[home] or 0) + 1
  excess = excess - 1
  pruned = pruned + 1
end

local looked, isOver = 0, #page < 2 * most
for i = 1, #page, 2 do
  if tonumber(page[i + 1]) / 1000 > youngest then
    isOver = true
    break
  end
  consider(page[i])
  looked = looked + 1
end

-- Only keys of their kind were read, and a foreign one among the rest must not spoil the step.
if #doomed > 0 then
  redis.call('DEL', unpack(keys))
  redis.call('ZREM', index, unpack(doomed))
  if #failed > 0 then redis.pcall('ZREM', root .. 'index:failed', unpack(failed)) end
end
local kept = root .. 'queue-commands'
for queue, by in pairs(lost) do
  local left = redis.pcall('HINCRBY', kept, queue, -by)
  if type(left) ~= 'number' or left <= 0 then redis.pcall('HDEL', kept, queue) end
end
-- Commands that were deleted by hand are still counted there, until no command is left.
if #doomed > 0 and redis.call('EXISTS', index) == 0 then redis.call('DEL', kept) end
if pruned > 0 then
  local key = root .. 'retention'
  local before = redis.pcall('HGET', key, 'pruned')
  redis.pcall('HSET', key, 'pruned', whole((tonumber(before or 0) or 0) + pruned), 'prunedAt', whole(now),
    'behindMs', whole(behindMs))
end
tell()
return { now, pruned, isOver and 0 or rank + looked - #doomed }
