#!lua flags=allow-oom
-- renew: RUNNING stays RUNNING. Renews the leases of attempts that an agent still works on: the idle
-- time of their entries, which is the lease, starts anew.
--
-- KEYS  root
-- ARGV  agentId session
--       n, how many items; each: id attempt
--
-- Guards, per item: RUNNING and the marker is attempt:agentId:session.
-- Reply   { now, words… }: 'ok' | 'cancelled' | 'lost' | 'gone' | 'broken'
--   cancelled: renewed like the others, but it was asked to stop; its report ends it
-- Events  none
local agentId, session = ARGV[1], ARGV[2]

local function renew(id, attempt)
  local command, why = readCommand(id, 'status', 'entry', 'queue', 'cancelRequestedAt')
  if not command then return why end
  local marker = readMarker(id)
  -- A marker that cannot be compared needs an operator; it does not stop the attempt.
  if command.status == 'RUNNING' and marker == false then return 'broken' end
  if command.status ~= 'RUNNING' or marker ~= attempt .. ':' .. agentId .. ':' .. session then return 'lost' end
  -- Also takes the entry back from recovery, which may have claimed it a moment ago. No FORCE: an
  -- entry that is not pending any more must not become so.
  local taken = redis.pcall('XCLAIM', streamOf(command.queue), GROUP, agentId, 0, command.entry, 'JUSTID')
  -- The stream, or the entry, was deleted by hand. The marker still names the session that executes, and this
  -- time shows that it is alive: `rescue` looks at it.
  if taken.err or #taken == 0 then redis.call('HSET', commandOf(id), 'renewedAt', whole(now)) end
  return command.cancelRequestedAt and 'cancelled' or 'ok'
end

local words = {}
for i = 1, numberAt(3) do words[i] = renew(ARGV[2 + 2 * i], ARGV[3 + 2 * i]) end
return { now, words }
