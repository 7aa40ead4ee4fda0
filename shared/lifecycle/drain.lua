#!lua flags=allow-oom
-- drain: an operator asks an agent to take no more commands. The flag names the session that it is
-- for, so the agent's next run works again by itself.
--
-- KEYS  fencepost:agent:<agentId>
-- ARGV  session   '' for whichever is registered
--
-- Guards: that session is registered, else `nobody`.
-- Reply   { 'draining', session } | { 'nobody' }
-- Events  none
local session = redis.pcall('HGET', root, 'session')
if type(session) ~= 'string' or (ARGV[1] ~= '' and ARGV[1] ~= session) then return { 'nobody' } end
redis.call('HSET', root, 'draining', session)
return { 'draining', session }
