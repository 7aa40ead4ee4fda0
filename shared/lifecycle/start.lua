#!lua flags=allow-oom
-- start: PENDING -> RUNNING. Gives an agent work: first what was delivered to it before and is not in flight
-- there (an answer was lost, or its blocking read took an entry), then what waits in its queues, in their
-- order, and in front of each in those of its lanes whose type it knows. Reading inside the script makes the
-- delivery and the start one step, and the agent owns the entry by construction.
--
-- KEYS  root
-- ARGV  agentId
--       session   '' for a caller without one: then nothing is given twice
--       limit     most commands that this agent may have started at once
--       q, queues…  the queues that it serves, most important first
--       t, types…   the types that it knows; none: all
--   h, tickets… of what it has in flight, until their report or release is answered. A ticket is
--               `<queue>/<entry>`: entries of two streams that were added in one millisecond bear
--               the same id
--
-- Guards, in order: the session is the agent's newest (not asked of a caller without one, nor of an
--   agent that none was admitted for), else `old-session` and nothing is done.
--   Per entry: it names a command, else it goes to the dead stream; it is the command's current
--   one, else it is a stray and is acknowledged; RUNNING and the marker is agentId's and session's:
--   given again; PENDING and no marker: started, unless it has expired (ended here), its queue is
--   paused (put back at once), its type is not known (moved to the lane of its type; for a second to
--   `scheduled` when the queue has too many of those) or `limit` is reached (left pending). Nothing
--   is read from a queue that is paused, nor from its lanes. Of one call at most 100 are moved.
-- Reply   { 'old-session' } or { 'ok', now, items, those of the queues that are paused, more }; more: 1 when
--   it stopped moving, and further entries may follow. An item is three values of the list: a line, a type and a
--   payload, which cost Redis and its reader less than a list of each. The line has its parts between spaces:
--   'run' or 'yours', attempt, timeoutMs or -, retry or -, ticket, id
--   'waiting', ticket, id   delivered, not started: no slot is free; type and payload are empty
-- Events  RUNNING for each started one; FAILED for an expired one; PENDING for one put back, or
--   moved. To `lanes`: each lane that something was moved to
local agentId, session, limit = ARGV[1], ARGV[2], numberAt(3)

local at = 3
local function nextList()
  at = at + 1
  local list = {}
  for i = 1, numberAt(at) do list[i] = ARGV[at + i] end
  at = at + #list
  return list
end
local queues, types, inFlight = nextList(), nextList(), nextList()
local known, held = {}, {}
for _, name in ipairs(types) do known[name] = true end
for _, ticket in ipairs(inFlight) do held[ticket] = true end

local TOO_MANY_LANES_PAUSE_MS = 1000
local MOST_MOVED = 100
-- The part of a marker of this session that follows the attempt.
local signature = ':' .. agentId .. ':' .. session
local startedAt = whole(now)

local function ticketOf(queue, entry) return queue .. '/' .. entry end

-- The session and the lists of lanes in one read: while there is no lane they cost nothing. A key of
-- another type counts as unset.
local wanted = { root .. 'session:' .. agentId }
for i, queue in ipairs(queues) do wanted[i + 1] = lanesOf(queue) end
local newest = redis.call('MGET', unpack(wanted))
if session ~= '' and newest[1] and newest[1] ~= session then return { 'old-session' } end

-- One read per call. Where the key is of another type, nothing is paused.
local since, paused, pausedQueues = redis.pcall('HMGET', root .. 'paused', unpack(queues)), {}, {}
for i, queue in ipairs(queues) do
  if not since.err and since[i] and not paused[queue] then
    paused[queue] = true
    pausedQueues[#pausedQueues + 1] = queue
  end
end

-- Where it looks for work, in this order: a lane before its queue, since what waits there came first. A
-- queue that is named twice is one queue: its entries must not be treated twice.
local places, named = {}, {}
for i, queue in ipairs(queues) do
  if not named[queue] then
    named[queue] = true
    for name in string.gmatch(newest[i + 1] or '', '%S+') do
      if #types == 0 or known[name] then
        local lane = queue .. '/' .. name
        places[#places + 1] = lane
        paused[lane] = paused[queue]
      end
    end
    places[#places + 1] = queue
  end
end

local items, running = {}, #inFlight

-- The fields of a command's hash, in this order, that decide whether it may be started or that its agent must know.
local STATUS, ENTRY, QUEUE, ATTEMPT, TYPE, PAYLOAD, TIMEOUT, POLICY, EXPIRES, WAITING = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
local function read(id)
  local values = redis.pcall('HMGET', commandOf(id), 'status', 'entry', 'queue', 'attempt', 'type', 'payload', 'timeoutMs',
    'onAgentLost', 'expiresAt', 'waitingFor')
  return values
end

local function give(word, queue, entry, id, values, attempt)
  running = running + 1
  local n, timeoutMs = #items, values[TIMEOUT]
  local time = timeoutMs and isNumber(timeoutMs) and timeoutMs or '-'
  local policy = values[POLICY] == 'retry' and ' retry ' or ' - '
  -- The id stands last: it may hold any text, and is the rest of the line.
  items[n + 1] = word .. ' ' .. attempt .. ' ' .. time .. policy
    .. queue .. '/' .. entry .. ' ' .. id
  items[n + 2], items[n + 3] = values[TYPE], values[PAYLOAD]
end

-- The idle time, which is the lease, starts anew; JUSTID leaves the delivery counter alone. Asked only
-- of entries that XPENDING has just shown under this agent.
local function claim(queue, entry)
  redis.call('XCLAIM', streamOf(queue), GROUP, agentId, 0, entry, 'JUSTID')
end

-- The commands that passed every guard but the marker: their ids, what was read of each, and whether it was delivered
-- before. Each has a slot reserved (`running` counts it).
local startable, found, wasPending = {}, {}, {}

local function mayStart(id, values, isPending)
  running = running + 1
  local n = #startable + 1
  startable[n], found[n], wasPending[n] = id, values, isPending
end

-- Sets the markers of startable[from] to startable[to], in one step while none of them has one, else each by
-- itself. Returns by place which were set, and their attempts.
local firstMark = '1' .. signature
local function setMarkers(from, to)
  local args, set, attempts = {}, {}, {}
  for i = from, to do
    local before, at = found[i][ATTEMPT], 2 * (i - from) + 1
    attempts[i] = before and whole(before + 1) or '1'
    args[at], args[at + 1] = markerOf(startable[i]), before and attempts[i] .. signature or firstMark
  end
  local areAllNew = redis.call('MSETNX', unpack(args)) == 1
  for i = from, to do
    local at = 2 * (i - from) + 1
    set[i] = areAllNew or redis.call('SET', args[at], args[at + 1], 'NX')
  end
  return set, attempts
end

local function start(id, values, attempt, isPending)
  local queue, entry = values[QUEUE], values[ENTRY]
  if isPending then claim(queue, entry) end
  redis.call('HSET', commandOf(id), 'status', 'RUNNING', 'attempt', attempt, 'agentId', agentId, 'startedAt', startedAt)
  if values[WAITING] then redis.call('HDEL', commandOf(id), 'waitingFor') end
  if values[EXPIRES] then redis.pcall('ZREM', root .. 'expiring', id) end
  move(id, 'PENDING', 'RUNNING', attempt)
  give('run', queue, entry, id, values, attempt)
end

-- A PENDING command with a marker stays in the pending list: for the next call, or for recovery.
local function startAll()
  local count = #startable
  if count == 0 then return end
  running = running - count
  for from = 1, count, MOST_AT_ONCE / 2 do
    local to = math.min(from + MOST_AT_ONCE / 2 - 1, count)
    local set, attempts = setMarkers(from, to)
    for i = from, to do
      if set[i] then start(startable[i], found[i], attempts[i], wasPending[i]) end
    end
  end
  startable, found, wasPending = {}, {}, {}
end

-- Not by readCommand: of all that scripts read, this is read most.
local function readStartable(id)
  local values, why = checked(read(id))
  if not values then return nil, why end
  local attempt, expiresAt = values[ATTEMPT], values[EXPIRES]
  -- A command that is about to be given to an agent must be whole.
  if not (values[QUEUE] and values[TYPE] and values[PAYLOAD]) then return nil end
  if attempt and not isNumber(attempt) or expiresAt and not isNumber(expiresAt) then return nil end
  return {
    id = id, status = values[STATUS], entry = values[ENTRY], queue = values[QUEUE], attempt = attempt or nil,
    type = values[TYPE], expiresAt = expiresAt or nil, waitingFor = values[WAITING] or nil, values = values,
  }
end

-- The marker is asked for here only: `setMarkers` sets it only where there is none.
local function expireUnmarked(command)
  if readMarker(command.id) ~= nil then return end
  command.executed = redis.call('HGET', commandOf(command.id), 'executed') or nil
  expire(command)
end

-- A command that cannot be requeued, because a key of another type is in the way, stays in the pending list, too.
local function handOn(command, runAt, extra)
  if readMarker(command.id) ~= nil or not canPutBack(command, runAt) then return end
  putBack(command, runAt, extra)
end

-- A command that moves to a lane needs a new entry there, for an agent that knows its type: the old one is a
-- ticket for a delivery that is over. Once per lane and call, those agents and recovery are made to know the lane.
local lanes, laneNames, movedHere = {}, {}, 0
local function open(lane, home, name)
  if lanes[lane] == nil then
    lanes[lane] = isKind(streamOf(lane), 'stream') and isKind(root .. 'queues', 'set') and listLane(home, name, true)
    if lanes[lane] then
      redis.call('SADD', root .. 'queues', lane)
      laneNames[#laneNames + 1] = lane
    end
  end
  return lanes[lane]
end

local function moveToLane(command)
  if readMarker(command.id) ~= nil then return end
  local home = homeOf(command.queue)
  local lane = home .. '/' .. command.type
  if not open(lane, home, command.type) then
    return handOn(command, now + TOO_MANY_LANES_PAUSE_MS, { 'waitingFor', command.type })
  end
  local entry = redis.pcall('XADD', streamOf(lane), '*', 'id', command.id)
  if type(entry) ~= 'string' then return end
  acknowledge(command.queue, command.entry)
  redis.call('HSET', commandOf(command.id), 'queue', lane, 'entry', entry, 'waitingFor', command.type)
  move(command.id, 'PENDING', 'PENDING', command.attempt)
  movedHere = movedHere + 1
end

local function consider(queue, entry, command, wasPending)
  if command.expiresAt and tonumber(command.expiresAt) <= now then return expireUnmarked(command) end
  -- Delivered by a read that began before the pause.
  if paused[queue] then return handOn(command) end
  if #types > 0 and not known[command.type] then
    return moveToLane(command)
  end
  if running >= limit then
    local n = #items
    items[n + 1] = 'waiting' .. ' ' .. ticketOf(queue, entry) .. ' ' .. command.id
    items[n + 2], items[n + 3] = '', ''
    return
  end
  mayStart(command.id, command.values, wasPending)
end

-- Nearly all entries: of a PENDING command that was never started, with nothing to watch for, and of a type that is known.
-- Every other entry is for `commandAt` and `consider`, which read again.
local function takePlain(queue, entry, fields)
  if #fields ~= 2 or fields[1] ~= 'id' or running >= limit or paused[queue] then return false end
  local values = read(fields[2])
  local name = values[TYPE]
  if values[STATUS] ~= 'PENDING' or values[ENTRY] ~= entry or values[QUEUE] ~= queue or not name or not values[PAYLOAD]
    or values[ATTEMPT] or values[EXPIRES] or values[WAITING] or #types > 0 and not known[name] then return false end
  mayStart(fields[2], values, false)
  return true
end

-- Gives a started command of this session again that is not in flight there: the answer that gave it was lost.
-- A caller without a session cannot prove that it is the same run of the process, so its command only
-- counts as running.
local function giveAgain(queue, entry, command)
  if not command.attempt or readMarker(command.id) ~= command.attempt .. signature then return end
  if session == '' then
    running = running + 1
    return
  end
  claim(queue, entry)
  give('yours', queue, entry, command.id, command.values, command.attempt)
end

-- Looks through the entries that were delivered to this agent and are not in flight there. The commands that it
-- has started count before anything new is started.
local unstarted = {}
local function sweep(queue)
  local stream = streamOf(queue)
  local rows = redis.pcall('XPENDING', stream, GROUP, '-', '+', #inFlight + limit + 100, agentId)
  if rows.err then
    -- No agent served this queue before, or the group was deleted by hand. A queue that holds nothing gets no
    -- stream: an agent may name any, and each would stay for ever.
    if not string.find(rows.err, 'NOGROUP', 1, true) then return false end
    return redis.pcall('XGROUP', 'CREATE', stream, GROUP, '0').ok ~= nil
  end
  for _, row in ipairs(rows) do
    local entry = row[1]
    if not held[ticketOf(queue, entry)] then
      local found = redis.call('XRANGE', stream, entry, entry)[1]
      local command = found and commandAt(queue, entry, found[2], readStartable)
      if not found then acknowledge(queue, entry) end
      if command and command.status == 'RUNNING' then giveAgain(queue, entry, command) end
      if command and command.status == 'PENDING' then unstarted[#unstarted + 1] = { queue, entry, command } end
    end
  end
  return true
end

-- An entry that is a stray, expired or of a foreign type frees its place for the next one; the bounds
-- keep one call short even in a queue that is full of them.
local more = 0
local function readQueue(queue)
  local rounds = 3
  while rounds > 0 do
    local free = limit - running
    if free <= 0 then return end
    local movedBefore = movedHere
    local batch = redis.call('XREADGROUP', 'GROUP', GROUP, agentId, 'COUNT', free, 'STREAMS', streamOf(queue), '>')
    if not batch then return end
    local rows = batch[1][2]
    for i = 1, #rows do
      local entry, fields = rows[i][1], rows[i][2]
      if not takePlain(queue, entry, fields) then
        local command = commandAt(queue, entry, fields, readStartable)
        if command and command.status == 'PENDING' then consider(queue, entry, command, false) end
      end
    end
    startAll()
    -- A round that moved something costs none of the three, until that is enough.
    if movedHere == movedBefore or movedHere >= MOST_MOVED then rounds = rounds - 1 end
  end
  if movedHere >= MOST_MOVED then more = 1 end
end

local usable = {}
for _, place in ipairs(places) do
  if isKind(streamOf(place), 'stream') and sweep(place) then usable[#usable + 1] = place end
end
for _, one in ipairs(unstarted) do
  consider(one[1], one[2], one[3], true)
  -- Each before the next: whether there is a slot for that one depends on it.
  startAll()
end
for _, queue in ipairs(usable) do
  if not paused[queue] then readQueue(queue) end
end
tell()
-- An agent that knows the type may be idle. This is a hint: nothing breaks where it may not be published.
if #laneNames > 0 then redis.pcall('PUBLISH', channels .. 'lanes', table.concat(laneNames, '\n')) end
return { 'ok', now, items, pausedQueues, more }
