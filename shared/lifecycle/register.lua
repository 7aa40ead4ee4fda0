#!lua flags=allow-oom
-- register: an agent takes its name, or says that it is still there. The name belongs to one
-- instance (data directory) on one host until that has been silent for its lease.
--
-- KEYS  fencepost:agent:<agentId>   (no partition tag: an agent serves every partition)
-- ARGV  instance boot host leaseMs ttlMs
--       k, then k fields as name, value: what GET /agents shows; in `announced` (`<session> <type>@<version>,…`)
--       the versions that this session said before of types that `types` still names are kept, so that it may
--       announce its types in parts
--
-- Guards, in order: no other live instance, and not this instance on another host (a copied data
--   directory, whose lock proves nothing there; '' is a host that nobody told), else `taken`; not an
--   older boot than the one registered, else `old-session`.
-- Who was refused as `taken` last is noted in the registration, `refusedAt refusedHost refusedPid`: two
--   agents that want one name are seen by nobody else.
-- Reply   { 'ok', now, 1 if `drain` marked this session, else 0 } |
--         { 'taken', instance, host, pid, lastSeen, leaseMs left } | { 'old-session' }
-- Events  none
local key = root
local instance, boot, host, leaseMs, ttlMs = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), ARGV[5]

local function callersPid()
  for i = 7, 5 + 2 * tonumber(ARGV[6]), 2 do
    if ARGV[i] == 'pid' then return ARGV[i + 1] end
  end
  return ''
end

-- A type that is announced anew is known in its new version only; one that is not named any more is not known.
local function announcing(said, types)
  local before = redis.call('HGET', key, 'announced') or ''
  local session, versions = string.match(said, '^(%S+) (.*)$')
  local sessionBefore, versionsBefore = string.match(before, '^(%S+) (.*)$')
  if not session or sessionBefore ~= session then return said end
  local isOpen = {}
  for name in string.gmatch(types, '[^,]+') do isOpen[name] = true end
  for name in string.gmatch(versions, '([^,@]+)@') do isOpen[name] = nil end
  local all = {}
  for version in string.gmatch(versionsBefore, '[^,]+') do
    if isOpen[string.match(version, '^[^@]*')] then all[#all + 1] = version end
  end
  if versions ~= '' then all[#all + 1] = versions end
  return session .. ' ' .. table.concat(all, ',')
end

if redis.call('TYPE', key).ok ~= 'hash' then redis.call('DEL', key) end
local holder = redis.call('HMGET', key, 'instance', 'boot', 'host', 'pid', 'lastSeen', 'leaseMs')
local held, heldHost = holder[1], holder[3]
if held then
  -- Numbers that somebody spoiled count as a holder that was never heard of.
  local lastSeen, heldLease = tonumber(holder[5]) or 0, tonumber(holder[6]) or 0
  local left = lastSeen + heldLease - now
  local other = held ~= instance or (heldHost ~= host and (heldHost or '') ~= '')
  -- A clock that was set back must not lock the name for longer than a lease.
  if other and left > 0 and left <= heldLease then
    redis.call('HSET', key, 'refusedAt', whole(now), 'refusedHost', host, 'refusedPid', callersPid())
    return { 'taken', held, heldHost or '', holder[4] or '', whole(lastSeen), whole(left) }
  end
  if held == instance and boot < (tonumber(holder[2]) or 0) then return { 'old-session' } end
  -- It has the name now that it was refused.
  if other then redis.call('HDEL', key, 'refusedAt', 'refusedHost', 'refusedPid') end
end
local fields = { 'instance', instance, 'boot', ARGV[2], 'host', host, 'leaseMs', ARGV[4], 'lastSeen', whole(now) }
local at, types = nil, ''
for i = 1, 2 * tonumber(ARGV[6]) do
  fields[#fields + 1] = ARGV[6 + i]
  if i % 2 == 0 and ARGV[5 + i] == 'announced' then at = #fields end
  if i % 2 == 0 and ARGV[5 + i] == 'types' then types = ARGV[6 + i] end
end
if at then fields[at] = announcing(fields[at], types) end
redis.call('HSET', key, unpack(fields))
redis.call('PEXPIRE', key, ttlMs)
local marked = redis.call('HMGET', key, 'draining', 'session')
return { 'ok', now, marked[1] and marked[1] == marked[2] and 1 or 0 }
