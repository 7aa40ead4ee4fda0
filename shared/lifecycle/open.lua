#!lua flags=allow-oom
-- open: makes the streams and groups at which an agent is about to wait; a blocking read fails without
-- them. Asked only when it has failed: at the first wait, and after `retire`.
--
-- KEYS  root
-- ARGV  ttlMs  after which a stream that holds nothing goes again, with an agent that never came back
--       n, how many queues; each: its name
--
-- Guards, per queue: its stream is one, or there is none, else `broken`. Only a stream that is made here,
--   for a queue that is not one of `queues`, expires: whatever gives it an entry makes it stay (`join`).
-- Reply   { words… }: 'opened' | 'open' | 'broken'
-- Events  none: no command changes
local ttlMs = numberAt(1)

local function open(queue)
  local stream = streamOf(queue)
  if not isKind(stream, 'stream') then return 'broken' end
  local isNew = redis.call('EXISTS', stream) == 0
  local made = redis.pcall('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
  if made.err then return string.find(made.err, 'BUSYGROUP', 1, true) and 'open' or 'broken' end
  if isNew and redis.pcall('SISMEMBER', root .. 'queues', queue) == 0 then redis.call('PEXPIRE', stream, ttlMs) end
  return 'opened'
end

local words = {}
for i = 1, numberAt(2) do words[i] = open(ARGV[2 + i]) end
return words
