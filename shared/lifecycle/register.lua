#!lua flags=allow-oom
-- register: an agent takes its name, or renews its hold on it. The name belongs to one
-- session until that has been silent for its lease, or is proved dead.
--
-- KEYS  fencepost:agent:<agentId>   (no partition tag: an agent serves every partition)
-- ARGV  instance boot host leaseMs ttlMs
--       k, then k fields as name, value: what GET /agents shows; in `announced` (`<session> <type>@<version>,…`)
--       the versions that this session announced before of types that `types` still names stay, so that it may
--       announce its types in parts
--       e, then e sessions: earlier runs of the caller whose processes it has proved dead
--
-- Guards, in order: not an older boot of this instance than the one registered, else `old-session`; no
--   other live session, else `taken`: one that the caller names among its dead ones
--   lives no more. A lock on a data directory proves nothing by itself, since a directory may be a copy.
--   Among sessions without a random part, of agents of earlier versions, the lock counts all the same:
--   those of one instance on one host take over from each other ('' is a host that was not sent).
-- The agent that was refused as `taken` last is noted in the registration, `refusedAt refusedHost refusedPid`:
--   nothing else shows that two agents want one name.
-- Reply   { 'ok', now, 1 if `drain` marked this session, else 0 } |
--         { 'taken', instance, host, pid, lastSeen, leaseMs left, session } | { 'old-session' }
-- Events  none
local key = root
local instance, boot, host, leaseMs, ttlMs = ARGV[1], numberAt(2), ARGV[3], numberAt(4), numberAt(5)

local given, dead = {}, {}
for i = 7, 5 + 2 * numberAt(6), 2 do given[ARGV[i]] = ARGV[i + 1] end
local deadAt = 7 + 2 * numberAt(6)
for i = deadAt + 1, deadAt + numberAt(deadAt) do dead[ARGV[i]] = true end
local session = given.session or ''
local _, _, isRandom = runOf(session)

-- Whether the name is held by a session that this one does not continue.
local function isOther(heldInstance, heldHost, heldPid, heldSession)
  if dead[heldSession] or (isRandom and heldSession == session) then return false end
  local _, _, isHeldRandom = runOf(heldSession)
  if isRandom or isHeldRandom then return true end
  -- Two processes of one session: that of a copy.
  if heldSession == session and given.pid and heldPid and given.pid ~= heldPid then return true end
  return heldInstance ~= instance or (heldHost ~= host and heldHost ~= '')
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
local holder = redis.call('HMGET', key, 'instance', 'boot', 'host', 'pid', 'lastSeen', 'leaseMs', 'session')
local held, heldHost, heldSession = holder[1], holder[3] or '', holder[7] or ''
if held then
  -- Malformed numbers count as those of a holder that was never seen.
  local lastSeen, heldLease = tonumber(holder[5]) or 0, tonumber(holder[6]) or 0
  local left = lastSeen + heldLease - now
  local other = isOther(held, heldHost, holder[4], heldSession)
  if held == instance and boot < (tonumber(holder[2]) or 0) then return { 'old-session' } end
  -- A clock that was set back must not lock the name for longer than a lease.
  if other and left > 0 and left <= heldLease then
    redis.call('HSET', key, 'refusedAt', whole(now), 'refusedHost', host, 'refusedPid', given.pid or '')
    return { 'taken', held, heldHost, holder[4] or '', whole(lastSeen), whole(left), heldSession }
  end
  -- This agent now has the name that it may have been refused before.
  if other then redis.call('HDEL', key, 'refusedAt', 'refusedHost', 'refusedPid') end
end
local fields = { 'instance', instance, 'boot', ARGV[2], 'host', host, 'leaseMs', ARGV[4], 'lastSeen', whole(now) }
local at, types = nil, ''
for i = 1, 2 * numberAt(6) do
  fields[#fields + 1] = ARGV[6 + i]
  if i % 2 == 0 and ARGV[5 + i] == 'announced' then at = #fields end
  if i % 2 == 0 and ARGV[5 + i] == 'types' then types = ARGV[6 + i] end
end
if at then fields[at] = announcing(fields[at], types) end
redis.call('HSET', key, unpack(fields))
redis.call('PEXPIRE', key, ttlMs)
local marked = redis.call('HMGET', key, 'draining', 'session')
return { 'ok', now, marked[1] and marked[1] == marked[2] and 1 or 0 }
