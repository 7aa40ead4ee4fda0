#!lua
-- submit: (none) -> PENDING. Stores new commands, each with an entry on its queue's stream, or with
-- a `runAt` in the future. The one script that creates a command; sent twice it creates it once.
-- Without allow-oom: a full Redis refuses new work.
--
-- KEYS  root
-- ARGV  notAfter  ms of Redis time: a request that was under way longer is refused, since what it
--                 asks for may have been done, and pruned, by a later one
--       cap       most PENDING commands there may be
--       queueCap  most queues there may be
--       whole     '1': a conflict of one keeps all of them from being stored, else ''
--       g         how many groups follow. A group is what commands that follow each other share, sent once:
--         queue
--         when    '' at once, 'at' an instant, 'in' a pause;  ms  of that
--         ttlMs   '' or how long they may wait to be started
--         k       how many of the hash fields that follow as name, value: one at least, the type
--         keyed   '1': each of its commands has a digest, else ''
--         m       how many commands; each: id payload, and digest where keyed
--
-- Guards, in order: TIME <= notAfter, else `expired`; every key is of its kind, else `broken`;
--   no such command, else `same` (digest equal) or `conflict`; PENDING + new ones <= cap, else
--   `full` for every new one; queues + new ones <= queueCap, else `queues-full` for every new one, unless
--   the call names no new queue. An id that comes twice in one call is answered as in two calls.
-- Reply   { now, { word or { 'broken', key } per item } }, or { now, 'accepted' } when that is the word for all
--   'accepted' | 'same' | 'conflict' | 'full' | 'queues-full' | 'expired' | 'broken'
--   'unstored'  it would have been accepted, and another of a `whole` request is a conflict
-- Events  PENDING for each accepted one
local notAfter, cap, queueCap, isWhole = numberAt(1), numberAt(2), numberAt(3), ARGV[4] == '1'

-- Where the arguments of each group are, and of each command its group and where it begins: all that a command
-- has is passed on as it came.
local groups, groupOf, begins, commands, n, at = {}, {}, {}, {}, 0, 6
for g = 1, numberAt(5) do
  local first = at + 5
  local last = first + 2 * numberAt(at + 4) - 1
  if ARGV[at + 3] ~= '' then numberAt(at + 3) end
  local group = {
    queue = ARGV[at], when = ARGV[at + 1], ms = numberAt(at + 2), ttl = ARGV[at + 3], first = first, last = last,
    isKeyed = ARGV[last + 1] == '1', from = n + 1, to = n + numberAt(last + 2),
  }
  local step = group.isKeyed and 3 or 2
  at = last + 3
  -- Checked before the loop, which must not run as often as any number may ask for.
  if group.to < n or at + step * (group.to - n) - 1 > #ARGV then
    error('argument ' .. last + 2 .. ' must be how many commands follow, but is ' .. ARGV[last + 2])
  end
  for i = group.from, group.to do
    groupOf[i], begins[i], commands[i] = group, at, commandOf(ARGV[at])
    at = at + step
  end
  n = group.to
  groups[g] = group
end

local shared = {
  { root .. 'index', 'zset' }, { root .. 'scheduled', 'zset' }, { root .. 'expiring', 'zset' }, { root .. 'queues', 'set' },
}

-- The key that is in the way of a queue's commands, asked once for each.
local inTheWay = {}
local function brokenKey(queue)
  local known = inTheWay[queue]
  if known ~= nil then return known end
  local broken = not isKind(streamOf(queue), 'stream') and streamOf(queue)
  for _, check in ipairs(shared) do
    if not broken and not isKind(check[1], check[2]) then broken = check[1] end
  end
  inTheWay[queue] = broken
  return broken
end

-- More arguments than this would not fit on the stack of Lua.
local function inPieces(list, body)
  for from = 1, #list, MOST_AT_ONCE do body(unpack(list, from, math.min(from + MOST_AT_ONCE - 1, #list))) end
end

-- Whether every command would be accepted, as nearly always: nothing is in the way, and no key is there
-- under any of the names, which one call checks for all. If not, each has its own verdict.
local function allAreNew()
  if now > notAfter then return false end
  for _, group in ipairs(groups) do
    if brokenKey(group.queue) then return false end
  end
  local seen = {}
  for _, command in ipairs(commands) do
    if seen[command] then return false end
    seen[command] = true
  end
  local there = 0
  inPieces(commands, function(...) there = there + redis.call('EXISTS', ...) end)
  return there == 0
end

-- The digests of the new commands, by key.
local fresh, howMany = {}, 0

local function verdict(i)
  if now > notAfter then return 'expired' end
  local broken, command = brokenKey(groupOf[i].queue), commands[i]
  if broken then return { 'broken', broken } end
  local known = redis.pcall('HMGET', command, 'status', 'digest')
  if known.err then return { 'broken', command } end
  local digest = known[1] and (known[2] or '') or fresh[command]
  local own = groupOf[i].isKeyed and ARGV[begins[i] + 2] or ''
  if digest then return digest == own and 'same' or 'conflict' end
  fresh[command] = own
  howMany = howMany + 1
  return 'accepted'
end

local words = {}
if allAreNew() then
  howMany = n
  for i = 1, n do words[i] = 'accepted' end
else
  for i = 1, n do words[i] = verdict(i) end
end

-- A client that submits a batch is given all the ids or none, so one key in the way stops them all.
for _, broken in ipairs(words) do
  if type(broken) == 'table' then
    for i, word in ipairs(words) do
      if word == 'accepted' then words[i] = broken end
    end
    break
  end
end

local function hasConflict()
  for _, word in ipairs(words) do
    if word == 'conflict' then return true end
  end
  return false
end
if isWhole and hasConflict() then
  for i, word in ipairs(words) do
    if word == 'accepted' then words[i] = 'unstored' end
  end
  howMany = 0
end

local function hasAccepted(group)
  for i = group.from, group.to do
    if words[i] == 'accepted' then return true end
  end
  return false
end

-- Whether the call would bring more queues into use than there may be.
local function needsTooMany()
  local asked, new = {}, 0
  for _, group in ipairs(groups) do
    if not asked[group.queue] and hasAccepted(group) then
      asked[group.queue] = true
      new = new + 1 - redis.call('SISMEMBER', root .. 'queues', group.queue)
    end
  end
  if new == 0 then return false end
  local inUse = redis.call('SCARD', root .. 'queues')
  return inUse + new > queueCap
end

local waiting = tonumber(redis.pcall('HGET', root .. 'counts', 'PENDING') or 0) or 0
local isFull = howMany > 0 and waiting + howMany > cap
if isFull or needsTooMany() then
  -- Also the second of two with one new id: its reply must not claim that the first is there.
  for i, command in ipairs(commands) do
    local word = words[i]
    if word == 'accepted' or fresh[command] and type(word) == 'string' then words[i] = isFull and 'full' or 'queues-full' end
  end
end

-- Microseconds, and the place in the batch: a total order, so that a cursor can name a place.
local createdAt, order = whole(now), clock[1] * 1000000 + clock[2]
local places, queues, stored = {}, {}, 0

-- Collects the fields that only some commands have, before the one write of all fields: a hash keeps the order
-- in which they came, and `status`, which is read most, must come first.
local function rareFields(group, at, runAt)
  local id, fields = ARGV[at], { unpack(ARGV, group.first + 2, group.last) }
  local function set(name, value) fields[#fields + 1] = name; fields[#fields + 1] = value end
  if group.isKeyed and ARGV[at + 2] ~= '' then set('digest', ARGV[at + 2]) end
  if group.ttl ~= '' then
    set('expiresAt', whole(now + tonumber(group.ttl)))
    redis.call('ZADD', root .. 'expiring', now + tonumber(group.ttl), id)
  end
  if runAt > now then
    set('runAt', whole(runAt))
    redis.call('ZADD', root .. 'scheduled', runAt, id)
  end
  return unpack(fields)
end

local function store(i, group, runAt)
  local at, entry = begins[i], ''
  local id, payload = ARGV[at], ARGV[at + 1]
  local command, first = commands[i], group.first
  -- This comes first, since it can fail: a stray XADD with the largest id leaves none for later entries.
  if runAt <= now then entry = redis.pcall('XADD', streamOf(group.queue), '*', 'id', id) end
  if type(entry) == 'table' then return { 'broken', streamOf(group.queue) } end
  if runAt <= now and not group.isKeyed and group.ttl == '' then
    redis.call('HSET', command, 'status', 'PENDING', 'entry', entry, 'queue', group.queue, 'createdAt', createdAt,
      ARGV[first], ARGV[first + 1], 'payload', payload, unpack(ARGV, first + 2, group.last))
  else
    redis.call('HSET', command, 'status', 'PENDING', 'entry', entry, 'queue', group.queue, 'createdAt', createdAt,
      ARGV[first], ARGV[first + 1], 'payload', payload, rareFields(group, at, runAt))
  end
  places[2 * stored + 1], places[2 * stored + 2] = whole(order + i), id
  stored = stored + 1
  queues[group.queue] = (queues[group.queue] or 0) + 1
  move(id, nil, 'PENDING', '0')
  return 'accepted'
end

for _, group in ipairs(groups) do
  local runAt = group.when == 'at' and group.ms or group.when == 'in' and now + group.ms or now
  for i = group.from, group.to do
    if words[i] == 'accepted' then words[i] = store(i, group, runAt) end
  end
end
inPieces(places, function(...) redis.call('ZADD', root .. 'index', ...) end)
-- While any command of it is kept, `retire` leaves a queue alone.
for queue, count in pairs(queues) do
  join(queue)
  redis.pcall('HINCRBY', root .. 'queue-commands', queue, count)
end
tell()
return { now, stored == n and n > 0 and 'accepted' or words }
