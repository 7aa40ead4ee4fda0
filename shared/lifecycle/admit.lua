#!lua flags=allow-oom
-- admit: makes a session the newest of its agent in one partition, so that whatever an older one
-- still sends is refused. Follows `register`, which decided who owns the name.
--
-- KEYS  root
-- ARGV  agentId session
--       seen    what `session:<agentId>` held before the caller registered, or ''
--
-- Guards: the key still holds `seen`, else another session was admitted in between and this call is late:
--   `old-session`. A session of the same instance with a higher boot is never replaced. One that a
--   session of another instance, or of the same boot, or without a boot, has replaced never comes back:
--   nothing in their names shows which of them is older. A key of another type counts as unset.
-- The key expires a week after its session was last seen here (heartbeats call this): much later than
--   any request of an older one can arrive. Without it nothing is refused, and the next admission sets it.
-- Reply   { 'ok' } | { 'old-session' }
-- Events  none
local key, session, seen = root .. 'session:' .. ARGV[1], ARGV[2], ARGV[3]
local replaced = root .. 'replaced:' .. ARGV[1]
local MOST_REMEMBERED, REMEMBERED_MS = 100, 24 * 3600 * 1000
local FENCED_MS = 7 * 24 * 3600 * 1000
local held = redis.pcall('GET', key)
if type(held) == 'table' then held = nil end
if held == session then
  -- Not at every heartbeat: one write in half a week is enough.
  if redis.call('PTTL', key) < FENCED_MS / 2 then redis.call('PEXPIRE', key, FENCED_MS) end
  return { 'ok' }
end
if (held or '') ~= seen then return { 'old-session' } end
local instance, boot = runOf(session)
local heldInstance, heldBoot = runOf(held or '')
local ofOne = heldInstance and heldInstance == instance
if ofOne and heldBoot > boot then return { 'old-session' } end
if type(redis.pcall('LPOS', replaced, session)) == 'number' then return { 'old-session' } end
if held and not (ofOne and heldBoot < boot) then
  redis.pcall('LPUSH', replaced, held)
  redis.pcall('LTRIM', replaced, 0, MOST_REMEMBERED - 1)
  redis.pcall('PEXPIRE', replaced, REMEMBERED_MS)
end
redis.call('SET', key, session, 'PX', FENCED_MS)
return { 'ok' }
