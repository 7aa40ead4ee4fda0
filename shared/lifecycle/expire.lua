#!lua flags=allow-oom
-- expire: PENDING -> FAILED, for commands that were not started within their ttlMs. It reads what
-- is due by itself.
--
-- KEYS  root
-- ARGV  most   how many at once
--
-- Guards, per id: its expiry has come (by the read and by its hash), PENDING and no marker; anything
--   else is dropped from `expiring` only. A RUNNING command has no place there: `start` takes it
--   away, and the script that requeues the command restores it.
-- Reply   { now, expired, left }   left: 1 when more are due
-- Events  FAILED for each expired one
local most = numberAt(1)
local due = redis.pcall('ZRANGEBYSCORE', root .. 'expiring', '-inf', whole(now), 'LIMIT', 0, most)
if due.err then return { now, 0, 0 } end

local expired = 0
for _, id in ipairs(due) do
  local command = readCommand(id, 'status', 'attempt', 'entry', 'queue', 'expiresAt', 'executed', 'waitingFor')
  local isDue = command and command.status == 'PENDING' and command.expiresAt and tonumber(command.expiresAt) <= now
  if isDue and readMarker(id) == nil then
    expire(command)
    expired = expired + 1
  else
    redis.call('ZREM', root .. 'expiring', id)
  end
end
tell()
return { now, expired, #due == most and 1 or 0 }
