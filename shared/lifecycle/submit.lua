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
--       n         how many items; each:
--         id digest queue
--         when    '' at once, 'at' an instant, 'in' a pause;  ms  of that
--         ttlMs   '' or how long it may wait to be started
--         k       how many of the hash fields that follow as name, value
--
-- Guards, in order: TIME <= notAfter, else `expired`; every key is of its kind, else `broken`;
--   no such command, else `same` (digest equal) or `conflict`; PENDING + new ones <= cap, else
--   `full` for every new one; queues + new ones <= queueCap, else `queues-full` for every new one, unless
--   the call names no new queue. An id that comes twice in one call is answered as in two calls.
-- Reply   { now, { word or { 'broken', key } per item } }
--   'accepted' | 'same' | 'conflict' | 'full' | 'queues-full' | 'expired' | 'broken'
--   'unstored'  it would have been accepted, and another of a `whole` request is a conflict
-- Events  PENDING for each accepted one
local notAfter, cap, queueCap, isWhole, n = numberAt(1), numberAt(2), numberAt(3), ARGV[4] == '1', numberAt(5)

-- Where an item's arguments begin, and where its fields end: a batch's fields are passed on as they came.
local items = {}
local at = 6
for i = 1, n do
  local last = at + 6 + 2 * numberAt(at + 6)
  if ARGV[at + 5] ~= '' then numberAt(at + 5) end
  items[i] = {
    id = ARGV[at], digest = ARGV[at + 1], queue = ARGV[at + 2], when = ARGV[at + 3], ms = numberAt(at + 4), ttl = ARGV[at + 5],
    first = at + 7, last = last,
  }
  at = last + 1
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

-- The digests of the new commands, by id.
local fresh, howMany = {}, 0

local function verdict(item)
  if now > notAfter then return 'expired' end
  local broken = brokenKey(item.queue)
  if broken then return { 'broken', broken } end
  local known = redis.pcall('HMGET', commandOf(item.id), 'status', 'digest')
  if known.err then return { 'broken', commandOf(item.id) } end
  local digest = known[1] and (known[2] or '') or fresh[item.id]
  if digest then return digest == item.digest and 'same' or 'conflict' end
  fresh[item.id] = item.digest
  howMany = howMany + 1
  return 'accepted'
end

local words = {}
for i = 1, n do words[i] = verdict(items[i]) end

-- Who submits a batch is given all the ids or none, so one key in the way stops them all.
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

-- Whether the call would bring more queues into use than there may be.
local function needsTooMany()
  local asked, new = {}, 0
  for i, item in ipairs(items) do
    if words[i] == 'accepted' and not asked[item.queue] then
      asked[item.queue] = true
      new = new + 1 - redis.call('SISMEMBER', root .. 'queues', item.queue)
    end
  end
  if new == 0 then return false end
  local inUse = redis.call('SCARD', root .. 'queues')
  return inUse + new > queueCap
end

local waiting = tonumber(redis.pcall('HGET', root .. 'counts', 'PENDING') or 0) or 0
local isFull = howMany > 0 and waiting + howMany > cap
if isFull or needsTooMany() then
  -- Also the second of two with one new id: it must not be told that the first is there.
  for i, item in ipairs(items) do
    if fresh[item.id] and type(words[i]) == 'string' then words[i] = isFull and 'full' or 'queues-full' end
  end
end

-- Microseconds, and the place in the batch: a total order, so that a cursor can name a place.
local createdAt, order = whole(now), clock[1] * 1000000 + clock[2]
local index, queues = root .. 'index', {}

-- What only some commands have. Before the one write of all fields, since the order in a hash is that
-- in which they came, and `status` is asked for most.
local function rareFields(item, runAt)
  local fields = { unpack(ARGV, item.first, item.last) }
  local function set(name, value) fields[#fields + 1] = name; fields[#fields + 1] = value end
  if item.digest ~= '' then set('digest', item.digest) end
  if item.ttl ~= '' then
    set('expiresAt', whole(now + tonumber(item.ttl)))
    redis.call('ZADD', root .. 'expiring', now + tonumber(item.ttl), item.id)
  end
  if runAt > now then
    set('runAt', whole(runAt))
    redis.call('ZADD', root .. 'scheduled', runAt, item.id)
  end
  return unpack(fields)
end

local function store(i, item)
  local runAt = item.when == 'at' and item.ms or item.when == 'in' and now + item.ms or now
  local entry = ''
  -- First, since it can fail: a stray XADD with the largest id leaves none for anybody else.
  if runAt <= now then entry = redis.pcall('XADD', streamOf(item.queue), '*', 'id', item.id) end
  if type(entry) == 'table' then return { 'broken', streamOf(item.queue) } end
  local isPlain = runAt <= now and item.digest == '' and item.ttl == ''
  if isPlain then
    redis.call('HSET', commandOf(item.id), 'status', 'PENDING', 'entry', entry, 'queue', item.queue, 'createdAt', createdAt,
      unpack(ARGV, item.first, item.last))
  else
    redis.call('HSET', commandOf(item.id), 'status', 'PENDING', 'entry', entry, 'queue', item.queue, 'createdAt', createdAt,
      rareFields(item, runAt))
  end
  redis.call('ZADD', index, order + i, item.id)
  queues[item.queue] = (queues[item.queue] or 0) + 1
  move(item.id, nil, 'PENDING', '0')
  return 'accepted'
end

for i = 1, n do
  if words[i] == 'accepted' then words[i] = store(i, items[i]) end
end
-- While any command of it is kept, `retire` leaves a queue alone.
for queue, stored in pairs(queues) do
  join(queue)
  redis.pcall('HINCRBY', root .. 'queue-commands', queue, stored)
end
tell()
return { now, words }
