#!lua flags=allow-oom
-- retire: takes queues that are no longer in use out of `queues`, and deletes their streams with the
-- consumers: else each name that was ever used would cost every look at the queues something, for ever.
-- The next `submit` puts such a queue back; an agent that waits at its stream opens it again.
--
-- KEYS  root
-- ARGV  n, how many queues; each: its name
--
-- Guards, per queue: it is no lane, which `recover` retires, and has none; it is not paused; no command of it
--   is kept, whatever its status, as far as they were counted (`queue-commands`); its stream is one, or there
--   is none; it has no entries, and nothing of it is pending. Else it is `kept`. A command that is not counted
--   (it was submitted before there was a count) and waits in `scheduled`, or is retried, puts its queue back
--   when it gets an entry.
-- Reply   { words… }: 'retired' | 'kept'
-- Events  none: no command changes
local function isEmpty(stream)
  if not isKind(stream, 'stream') then return false end
  if redis.call('XLEN', stream) > 0 then return false end
  local pending = redis.pcall('XPENDING', stream, GROUP)
  -- Without the group, or the stream, no agent was given anything.
  return pending.err ~= nil or pending[1] == 0
end

local function isUnused(queue)
  if homeOf(queue) ~= queue or redis.call('EXISTS', lanesOf(queue)) == 1 then return false end
  if redis.pcall('HEXISTS', root .. 'paused', queue) == 1 then return false end
  local kept = redis.pcall('HGET', root .. 'queue-commands', queue)
  if kept and type(kept) ~= 'table' and kept ~= '0' then return false end
  return isEmpty(streamOf(queue))
end

local words = {}
for i = 1, numberAt(1) do
  local queue = ARGV[1 + i]
  words[i] = 'kept'
  if isUnused(queue) then
    redis.pcall('SREM', root .. 'queues', queue)
    redis.call('DEL', streamOf(queue))
    words[i] = 'retired'
  end
end
return words
