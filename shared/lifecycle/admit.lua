#!lua flags=allow-oom
-- admit: makes a session the newest of its agent in one partition, so that whatever an older one
-- still sends is refused. Follows `register`, which decided who owns the name.
--
-- KEYS  root
-- ARGV  agentId session
--       seen    what `session:<agentId>` held before the caller registered, or ''
--
-- Guards: the key still holds `seen`, else somebody came in between and this call is late:
--   `old-session`. A session of the same instance with a higher boot is never replaced.
--   A key of another type counts as unset.
-- Reply   { 'ok' } | { 'old-session' }
-- Events  none
local key, session, seen = root .. 'session:' .. ARGV[1], ARGV[2], ARGV[3]
local held = redis.pcall('GET', key)
if type(held) == 'table' then held = nil end
if held == session then return { 'ok' } end
if (held or '') ~= seen then return { 'old-session' } end
local instance, boot = string.match(session, '^(.*)%.(%d+)$')
local heldInstance, heldBoot = string.match(held or '', '^(.*)%.(%d+)$')
if heldInstance and heldInstance == instance and tonumber(heldBoot) > tonumber(boot) then return { 'old-session' } end
redis.call('SET', key, session)
return { 'ok' }
