-- Stands in front of every script (scripts.ts puts it there): the clock, and the moves of the state
-- machine that more than one script makes. It writes nothing by itself.
--
-- KEYS[1]  the partition's root, `fencepost:{P}:`. Every key is derived from it, so all of them
--          share its slot (docs/decisions/0002-derived-keys.md).
-- KEYS[2]  where Redis is used on another database than 0: what the names of its channels begin with,
--          since all databases of a Redis share them (scripts.ts gives it; a script cannot ask).
local root = KEYS[1]
-- A variable, since one call may be two scripts, the one after the other (scripts.ts).
local ARGV = ARGV
local channels = KEYS[2] or root

-- The only clock that decides anything.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local GROUP = 'agents'
local HISTORY_CAP = 20
local DEAD_CAP = 1000

local function streamOf(queue) return root .. 'commands:' .. queue end
-- A lane is a queue of its own, `<queue>/<type>`: what waits there is read only by agents that know the
-- type. No queue's name has a slash. Every script treats it like any other queue; what is put back goes to
-- its home, the queue that it was submitted to.
local function homeOf(queue) return string.match(queue, '^([^/]*)/') or queue end
local function lanesOf(queue) return root .. 'lanes:' .. queue end
local function commandOf(id) return root .. 'command:' .. id end
local function markerOf(id) return root .. 'exec:' .. id end

-- Whole numbers as Redis is to store them: Lua would write a large one as 1.7e+12.
local function whole(number) return string.format('%.0f', number) end

-- The run of an agent that a session names: its instance, its boot, and whether it has a part of its own
-- that is random: `<instance>.<boot>.r<random>`; without that, of an agent of an earlier version. Nothing
-- for a session that has no order among others.
local function runOf(session)
  local instance, boot = string.match(session, '^(.+)%.(%d+)%.r%x+$')
  if instance then return instance, tonumber(boot), true end
  instance, boot = string.match(session, '^(.*)%.(%d+)$')
  return instance, tonumber(boot), false
end

-- A key that was replaced with another type by hand would raise an error in the middle of a script, and
-- Redis does not roll back: check the type before the first write.
local kinds = {}
local function isKind(key, kind)
  kinds[key] = kinds[key] or redis.call('TYPE', key).ok
  return kinds[key] == kind or kinds[key] == 'none'
end

-- The fields that scripts compute with: a value with anything but digits would raise in the middle of a batch,
-- and so would one with more digits than a number has.
local NUMBERS = {
  attempt = true, failures = true, maxAttempts = true, losses = true, maxLosses = true, expiresAt = true, runAt = true,
  renewedAt = true,
}
local function isNumber(text) return #text <= 16 and string.match(text, '^%d+$') ~= nil end

-- An argument that scripts compute with, to be read before the first write: whatever else the caller sent
-- there refuses the whole call.
local function numberAt(i)
  local text = ARGV[i] or ''
  if not isNumber((string.gsub(text, '^%-', ''))) then
    error('argument ' .. i .. ' must be a whole number, but is ' .. string.sub(text, 1, 40))
  end
  return tonumber(text)
end

-- Passes on HMGET's answer about a command, whose first field is `status`; or gives nil and why (see readCommand).
local function checked(values)
  if values.err then return nil, 'broken' end
  if not values[1] then return nil, 'gone' end
  return values
end
local function readValues(id, ...) return checked(redis.pcall('HMGET', commandOf(id), ...)) end

-- The named fields of a command, or nil and why: 'gone' (no such command) or 'broken' (the key is
-- not what Fencepost put there, or was edited by hand). The first field must be `status`, and
-- `queue` must be among the others.
local function readCommand(id, ...)
  local values, why = readValues(id, ...)
  if not values then return nil, why end
  local command = { id = id }
  for i, field in ipairs({ ... }) do
    local value = values[i] or nil
    if value and NUMBERS[field] and not isNumber(value) then return nil, 'broken' end
    command[field] = value
  end
  if not command.queue then return nil, 'broken' end
  return command
end

-- The execution marker: nil when unset; false when the key is not a string.
local function readMarker(id)
  local value = redis.pcall('GET', markerOf(id))
  if type(value) == 'table' then return false end
  return value or nil
end

-- The changes that this call made, and the entries and markers that it used up: `tell` counts and publishes
-- the former and deletes the latter, once at the end. One command for a whole batch costs a fraction of one each.
local moved, delta = {}, {}
local spentEntries, spentMarkers = {}, {}

local function count(status, by) delta[status] = (delta[status] or 0) + by end

local function move(id, from, to, attempt)
  if from then count(from, -1) end
  count(to, 1)
  moved[#moved + 1] = id .. ' ' .. to .. ' ' .. (attempt or '0')
end

-- An entry leaves the pending list and the stream at the end of this call, which is one atomic step.
-- XACK knows no owner: the caller must have checked that the entry is the command's current one, or is no
-- command's.
local function acknowledge(queue, entry)
  local entries = spentEntries[queue]
  if not entries then
    entries = {}
    spentEntries[queue] = entries
  end
  entries[#entries + 1] = entry
end

-- The attempt is over.
local function unmark(id) spentMarkers[#spentMarkers + 1] = markerOf(id) end

-- Where the arguments of `report` end: for the script that has those of another behind them.
local afterReports

-- More arguments than this would not fit on the stack of Lua.
local MOST_AT_ONCE = 1000

-- A command's hash that was edited by hand may name something that is no entry id: Redis then refuses the
-- whole list, and the other entries must be removed all the same.
local function drop(queue, entries, from, to)
  local stream = streamOf(queue)
  if type(redis.pcall('XACK', stream, GROUP, unpack(entries, from, to))) == 'number' then
    redis.pcall('XDEL', stream, unpack(entries, from, to))
    return
  end
  for i = from, to do
    redis.pcall('XACK', stream, GROUP, entries[i])
    redis.pcall('XDEL', stream, entries[i])
  end
end

local function putAway()
  for queue, entries in pairs(spentEntries) do
    for from = 1, #entries, MOST_AT_ONCE do drop(queue, entries, from, math.min(from + MOST_AT_ONCE - 1, #entries)) end
  end
  for from = 1, #spentMarkers, MOST_AT_ONCE do
    redis.call('DEL', unpack(spentMarkers, from, math.min(from + MOST_AT_ONCE - 1, #spentMarkers)))
  end
  spentEntries, spentMarkers = {}, {}
end

local function tell()
  putAway()
  local names, fields = {}, {}
  for status, by in pairs(delta) do
    if by ~= 0 then names[#names + 1] = status end
  end
  if #names > 0 then
    -- Read, then written at once: one write, whatever changed.
    local before = redis.pcall('HMGET', root .. 'counts', unpack(names))
    for i, status in ipairs(names) do
      fields[2 * i - 1], fields[2 * i] = status, whole((tonumber(before[i] or 0) or 0) + delta[status])
    end
    redis.pcall('HSET', root .. 'counts', unpack(fields))
  end
  -- A hint, not a log: one that may not be published (an ACL without the channel) spoils nothing.
  if #moved > 0 then redis.pcall('PUBLISH', channels .. 'events', table.concat(moved, '\n')) end
end

-- Quarantines an entry that cannot be understood: out of the way, on the dead stream, where operators see it.
local function bury(queue, entry, why, fields)
  local flat = {}
  for i = 1, math.min(#fields, 20) do flat[i] = string.sub(tostring(fields[i]), 1, 200) end
  redis.pcall('XADD', root .. 'dead', 'MAXLEN', '~', DEAD_CAP, '*',
    'queue', queue, 'entry', entry, 'why', why, 'fields', cjson.encode(flat))
  acknowledge(queue, entry)
end

local RANK = { no = 0, unknown = 1, yes = 2 }

-- `executed` is only ever raised: no, then unknown, then yes. Absent means no.
local function raised(before, own)
  if RANK[before] and RANK[before] >= RANK[own] then return before end
  return own
end

-- The attempts that ended without being the accepted one, newest first. A wrong type here must not
-- spoil the change that it documents, hence pcall.
local function remember(id, item)
  local key = root .. 'history:' .. id
  redis.pcall('LPUSH', key, cjson.encode(item))
  redis.pcall('LTRIM', key, 0, HISTORY_CAP - 1)
end

-- A queue that gets an entry is one of `queues` from then on: recovery and every list look at these
-- only, and `retire` may have taken it out meanwhile. Its stream no longer expires (see open).
local joined = {}
local function join(queue)
  if joined[queue] then return end
  joined[queue] = true
  if redis.pcall('SISMEMBER', root .. 'queues', queue) ~= 0 then return end
  redis.pcall('SADD', root .. 'queues', queue)
  redis.pcall('PERSIST', streamOf(queue))
end

-- Whether the keys that putBack writes are what they should be: asked before the first write.
local function canPutBack(command, runAt)
  local place, kind = streamOf(homeOf(command.queue)), 'stream'
  if runAt then place, kind = root .. 'scheduled', 'zset' end
  return isKind(place, kind) and (not command.expiresAt or isKind(root .. 'expiring', 'zset'))
end

-- Requeues a command as PENDING: with a new entry, or with `runAt` in the future and no entry. The old entry
-- is spent: an entry is a ticket for one delivery. `extra` are more fields to set. A command in a lane returns
-- to its queue, so that a lane that is empty has nothing to come, and can be retired.
-- Needs: command.id status queue entry attempt expiresAt, and that canPutBack returned true. Returns false,
-- and changes nothing, when the stream takes no entries any more: a stray XADD used up its last id.
local function putBack(command, runAt, extra)
  local fields, home = { 'status', 'PENDING', 'entry', '' }, homeOf(command.queue)
  if runAt then
    redis.call('ZADD', root .. 'scheduled', whole(runAt), command.id)
    fields[5], fields[6] = 'runAt', whole(runAt)
  else
    fields[4] = redis.pcall('XADD', streamOf(home), '*', 'id', command.id)
    if type(fields[4]) ~= 'string' then return false end
    join(home)
  end
  if home ~= command.queue then fields[#fields + 1] = 'queue'; fields[#fields + 1] = home end
  for _, value in ipairs(extra or {}) do fields[#fields + 1] = value end
  if command.entry and command.entry ~= '' then acknowledge(command.queue, command.entry) end
  unmark(command.id)
  redis.call('HSET', commandOf(command.id), unpack(fields))
  if command.expiresAt then
    redis.call('ZADD', root .. 'expiring', command.expiresAt, command.id)
  end
  move(command.id, command.status, 'PENDING', command.attempt)
  return true
end

local finishedAt = whole(now)

-- Ends a command: terminal status, entry acknowledged, marker gone, in this one step. What else is to
-- be set follows as name, value.
local function close(id, before, queue, entry, attempt, status, ...)
  redis.call('HSET', commandOf(id), 'status', status, 'finishedAt', finishedAt, ...)
  if entry and entry ~= '' then acknowledge(queue, entry) end
  unmark(id)
  if status == 'FAILED' then
    local created = redis.pcall('ZSCORE', root .. 'index', id)
    if type(created) ~= 'string' then created = whole(now * 1000) end
    redis.pcall('ZADD', root .. 'index:failed', created, id)
  end
  move(id, before, status, attempt)
end

-- The same of one that was read. Needs: command.id status queue entry attempt.
local function finish(command, status, ...)
  close(command.id, command.status, command.queue, command.entry, command.attempt, status, ...)
end

-- Ends a command that was not started in time. Needs, beyond finish: executed, waitingFor.
local function expire(command)
  local code, message = 'EXPIRED', 'it was not started within its ttlMs'
  if command.attempt and command.attempt ~= '0' then message = 'its next attempt was not started within its ttlMs' end
  if command.waitingFor then
    code, message = 'UNSUPPORTED_TYPE', 'no agent that serves its queue knew ' .. command.waitingFor .. ' before it expired'
  end
  redis.pcall('ZREM', root .. 'scheduled', command.id)
  redis.pcall('ZREM', root .. 'expiring', command.id)
  finish(command, 'FAILED', 'error', cjson.encode({ code = code, message = message }), 'executed', raised(command.executed, 'no'))
end

-- Enters a lane in the list of its queue's lanes, which agents look at, or takes it out. False, and nothing
-- is changed, when the list is full: each call of `start` reads it. A key of another type is replaced.
local MOST_LANES = 100
local function listLane(queue, name, isListed)
  local key, names, was = lanesOf(queue), {}, false
  if not isKind(key, 'string') then redis.call('DEL', key) end
  for other in string.gmatch(redis.call('GET', key) or '', '%S+') do
    if other == name then was = true else names[#names + 1] = other end
  end
  if was == isListed then return true end
  if isListed then
    if #names >= MOST_LANES then return false end
    names[#names + 1] = name
  end
  kinds[key] = nil
  if #names == 0 then redis.call('DEL', key) else redis.call('SET', key, table.concat(names, ' ')) end
  return true
end

-- The fields that the lost-agent policy depends on.
local LOSS_FIELDS = {
  'status', 'attempt', 'entry', 'queue', 'losses', 'maxLosses', 'onAgentLost', 'executed', 'agentId', 'expiresAt', 'runAt',
  'renewedAt', 'cancelRequestedAt',
}

local function readForLoss(id) return readCommand(id, unpack(LOSS_FIELDS)) end

-- An entry's command, as `read` reads it, if the entry is still its ticket; else the entry is put out
-- of the way.
local function commandAt(queue, entry, fields, read)
  if #fields ~= 2 or fields[1] ~= 'id' then return bury(queue, entry, 'not an entry of Fencepost', fields) end
  local command, why = read(fields[2])
  if not command then return bury(queue, entry, why == 'gone' and 'no such command' or 'not a command', fields) end
  local current = command.entry == entry and command.queue == queue
  if current and (command.status == 'PENDING' or command.status == 'RUNNING') then return command end
  acknowledge(queue, entry)
end

-- The lost-agent policy. The attempt may have had its effect, so the command is executed again only if its
-- `onAgentLost` is `retry`, and only while its losses, with this one, are below `maxLosses`: a poisonous
-- command must not take down one agent after another. No other attempt begins once a cancel was requested.
-- Needs LOSS_FIELDS. `conceded` is the marker when the agent itself reported that it gave the attempt up, and
-- `why` is the agent's own message when it was stopped meanwhile. Returns what became of the command, or
-- 'broken' and changes nothing.
local function lose(command, conceded, why)
  local losses = (tonumber(command.losses) or 0) + 1
  local most = tonumber(command.maxLosses) or 3
  local executed = raised(command.executed, 'unknown')
  local how = (command.agentId or 'its agent') .. (not conceded and ' vanished' or why and ' gave up' or ' lost its lease')
  local fields = { 'losses', whole(losses), 'executed', executed }
  if conceded then fields[5], fields[6] = 'reported', conceded end
  local mayRetry = command.onAgentLost == 'retry' and not command.cancelRequestedAt
  if mayRetry and losses < most then
    local item = {
      why = 'lost', at = now, attempt = tonumber(command.attempt) or 0, agentId = command.agentId or '',
      session = string.match(readMarker(command.id) or '', '([^:]*)$'), status = conceded and 'FAILED' or cjson.null,
      result = cjson.null, error = cjson.encode({ code = 'AGENT_LOST', message = how .. (why and ': ' .. why or '') }),
    }
    if not canPutBack(command) or not putBack(command, nil, fields) then return 'broken' end
    remember(command.id, item)
    return 'requeued'
  end
  local message = how .. ' during attempt ' .. (command.attempt or '0')
  if why then message = message .. ': ' .. why .. '; onAgentLost is ' .. (command.onAgentLost or 'fail') end
  if command.cancelRequestedAt then message = message .. ', which it was asked to stop' end
  if mayRetry then message = message .. ', the last of ' .. whole(most) .. ' losses' end
  fields[#fields + 1] = 'error'; fields[#fields + 1] = cjson.encode({ code = 'AGENT_LOST', message = message })
  finish(command, 'FAILED', unpack(fields))
  return 'lost'
end

-- Resolves a command whose entry no agent holds any more: one that was never started is requeued, whatever its
-- policy, and not before its runAt; to one that was started the lost-agent policy applies. Needs LOSS_FIELDS.
local function resolve(command)
  if command.status == 'RUNNING' then return lose(command) end
  local runAt = tonumber(command.runAt)
  if runAt and runAt <= now then runAt = nil end
  if not canPutBack(command, runAt) or not putBack(command, runAt) then return 'broken' end
  return 'requeued'
end

-- The pulse of recovery, called by every script that may declare an agent lost without a proof that its process
-- is dead. An entry's idle time also grows while Redis is down, stopped, or its clock jumps, and no process
-- can be sure of that; so Redis decides, from the time between two calls and its own run_id.
-- Returns until when no agent may be declared lost, so that live agents renew first, and the lease.
--
-- Leases of several lengths may be in use at once, while one is being changed: no agent's may be cut
-- short, so the longest counts. It is forgotten once no process has called with it for that long; an
-- outage does not count into that, and at the change entries get a lease of the new length.
local function beat(callersLease)
  local key = root .. 'recovery'
  -- Not every user may ask for INFO. The address of a table of the interpreter is another one after a
  -- restart, too (and after SCRIPT FLUSH). Each has a field, so that callers of both kinds do not differ.
  local info = redis.pcall('INFO', 'server')
  local runId, runField = type(info) == 'string' and string.match(info, 'run_id:(%w+)'), 'runId'
  if not runId then runId, runField = redis.sha1hex(tostring(redis)), 'interpreter' end
  local values = redis.pcall('HMGET', key, runField, 'lastTick', 'holdUntil', 'leaseMs', 'leaseUsedAt', 'holdOffs')
  if values.err then
    redis.call('DEL', key)
    values = {}
  end
  -- Malformed values count as unset.
  local function known(i) return values[i] and isNumber(values[i]) and tonumber(values[i]) or nil end
  local lastTick, longest = known(2), known(4) or 0
  local lease, usedAt = math.max(callersLease, longest), math.min(known(5) or now, now)
  local steady = values[1] == runId and lastTick and lastTick <= now and now - lastTick <= lease / 6
  local forgotten = steady and callersLease < longest and now - usedAt > longest
  if forgotten then lease = callersLease end
  if forgotten or not steady or callersLease >= longest then usedAt = now end
  -- A clock that was set back must not hold off recovery for longer than a lease.
  local holdUntil, holdOffs = math.min(known(3) or 0, now + lease), known(6) or 0
  if forgotten or not steady then holdUntil = now + lease end
  -- The first pulse of all is no outage.
  if values[1] and not steady then holdOffs = holdOffs + 1 end
  redis.call('HSET', key, runField, runId, 'lastTick', whole(now), 'holdUntil', whole(holdUntil), 'leaseMs', whole(lease),
    'leaseUsedAt', whole(usedAt), 'holdOffs', whole(holdOffs))
  return holdUntil, lease
end
