#!lua flags=allow-oom
-- leave: an agent gives its name back when it stops in good order.
--
-- KEYS  fencepost:agent:<agentId>
-- ARGV  instance boot
--
-- Guards: the registration is this instance's and this boot's, else `moot`; also the answer to the
--   same call sent twice.
-- Reply   { 'left' } | { 'moot' }
-- Events  none
local held = redis.pcall('HMGET', root, 'instance', 'boot')
if held.err or held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then return { 'moot' } end
redis.call('DEL', root)
return { 'left' }
