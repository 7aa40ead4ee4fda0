#!lua flags=allow-oom
-- dismiss: removes consumers of agents that are gone from a queue's group: else each name that ever asked
-- for work would stay there. An agent that comes back is made a consumer again by its first read.
--
-- KEYS  root
-- ARGV  queue
--       n, how many agents; each: its name
--
-- Guards, per agent: there is a stream with a group, else `moot`; nothing is pending under its name, since
--   Redis would forget whatever is, else `busy`. That the agent is gone, only the caller knows (the
--   registration has a slot of its own), and nothing rests on it.
-- Reply   { words… }: 'dismissed' | 'busy' | 'moot'
-- Events  none: no command changes
local stream = streamOf(ARGV[1])

local function dismiss(agentId)
  local rows = redis.pcall('XPENDING', stream, GROUP, '-', '+', 1, agentId)
  if rows.err then return 'moot' end
  if #rows > 0 then return 'busy' end
  redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, agentId)
  return 'dismissed'
end

local words = {}
for i = 1, numberAt(2) do words[i] = dismiss(ARGV[2 + i]) end
return words
