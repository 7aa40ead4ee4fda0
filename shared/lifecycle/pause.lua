#!lua flags=allow-oom
-- pause: from the end of this call on no agent starts anything from a queue. What runs
-- is not touched. A queue that was not used yet may be paused too: its first command then waits. It
-- counts as a queue from then on, until it is resumed and `retire` finds nothing in it.
--
-- KEYS  root
-- ARGV  notAfter  ms of Redis time: a call that was under way longer would undo what was asked since
--       queue
--       queueCap  most queues there may be
--
-- Guards: TIME <= notAfter, else `late`. One that is paused stays so since then; else it is one of
--   `queues`, or they are fewer than queueCap, else `queues-full`. A key of another type is replaced.
-- Reply   { 'paused', since } | { 'late' } | { 'queues-full' }
-- Events  none: no command changes
local key, notAfter, queue, queueCap = root .. 'paused', numberAt(1), ARGV[2], numberAt(3)
if now > notAfter then return { 'late' } end
if not isKind(key, 'hash') then redis.call('DEL', key) end
local since = redis.call('HGET', key, queue)
if not since and redis.pcall('SISMEMBER', root .. 'queues', queue) == 0 then
  if redis.call('SCARD', root .. 'queues') >= queueCap then return { 'queues-full' } end
  join(queue)
end
if not since or not isNumber(since) then
  since = whole(now)
  redis.call('HSET', key, queue, since)
end
return { 'paused', since }
