#!lua flags=allow-oom
-- promote: a PENDING command whose `runAt` has come gets its entry. It reads what is due by itself,
-- so a call that arrives late or twice promotes nothing early and nothing twice.
--
-- KEYS  root
-- ARGV  most   how many at once
--
-- Guards, per id: its score in `scheduled` has come (by the read), PENDING, and no entry; anything
--   else is dropped from `scheduled` only. Where the queue's stream is something else by now, the
--   command keeps its place, a second later, so that it is neither lost nor in the way of others.
-- Reply   { now, promoted, ms until the next one is due: 0 when it is now; empty when there is none }
-- Events  PENDING for each promoted one: it notifies clients that wait for the command
local most = numberAt(1)
local due = redis.pcall('ZRANGEBYSCORE', root .. 'scheduled', '-inf', whole(now), 'LIMIT', 0, most)
if due.err then return { now, 0, '' } end

local AGAIN_MS = 1000

local promoted = 0
for _, id in ipairs(due) do
  local command = readCommand(id, 'status', 'entry', 'queue', 'attempt')
  local waits = command and command.status == 'PENDING' and (command.entry or '') == ''
  -- XADD fails when a key of another type is in the way, or a stray XADD used up the stream's last id.
  local home = waits and homeOf(command.queue)
  local entry = waits and redis.pcall('XADD', streamOf(home), '*', 'id', id)
  if type(entry) == 'table' then
    redis.call('ZADD', root .. 'scheduled', whole(now + AGAIN_MS), id)
  else
    if entry then
      join(home)
      redis.call('HSET', commandOf(id), 'entry', entry)
      -- A script of the version before may have scheduled it out of a lane.
      if home ~= command.queue then redis.call('HSET', commandOf(id), 'queue', home) end
      move(id, 'PENDING', 'PENDING', command.attempt)
      promoted = promoted + 1
    end
    redis.call('ZREM', root .. 'scheduled', id)
  end
end
tell()
local first = redis.call('ZRANGE', root .. 'scheduled', 0, 0, 'WITHSCORES')[2]
return { now, promoted, first and whole(math.max(0, tonumber(first) - now)) or '' }
