#!lua flags=allow-oom
-- report: RUNNING -> COMPLETED | FAILED, or -> PENDING when the command may be retried. Stores
-- the outcome of an attempt, ends the command and acknowledges its entry in this one step. The error AGENT_LOST is
-- no failure of the command's own: its agent gave the attempt up, and the lost-agent policy applies.
--
-- KEYS  root
-- ARGV  g, how many groups, then of each:
--   agentId
--   session     '' when the reporter has none
--   kind        done: each of its outcomes is COMPLETED; else ended
--   n, how many, then per item:
--     id
--     attempt     '' stands for the first, as long as no other was started
--     ticket      of the delivery that the attempt had, `<queue or lane>/<entry>`; '' when the reporter sends none
--     result      JSON, or ''
--     and where the kind is ended
--     status      COMPLETED or FAILED
--     error       JSON { code, message }, or ''
--     executed    no | unknown | yes: of this attempt
--     retryable   '1' when another try may help
--     pauseMs     the least pause before another try
--     jitter      0 … 999999: the sender's dice, so that the same call always waits the same
--
-- Guards, per item and in order: there is such a command, else `gone`; its keys are what they should
--   be, else `broken`; RUNNING, the marker is attempt:agentId:session, and the ticket, if there is one, is of
--   the command's current entry, else it changes nothing:
--   `again` when `reported` or the history shows that this very report was accepted before, or it is
--   `late`, and is kept once in the history. A reporter without a session may report what was started
--   without one. An omitted attempt with a later one started is late: it may mean either. Another ticket is of a
--   command that was deleted, and submitted anew with its key: its attempts are counted from 1 again.
-- Reply   { now, { word… } }   'accepted' | 'again' | 'late' | 'gone' | 'broken'
-- Events  the new status of each accepted one
local BASE_PAUSE_MS, LONGEST_PAUSE_MS, LONGEST_ASKED_MS = 1000, 3600 * 1000, 365 * 24 * 3600 * 1000

local function markerFits(marker, attempt, agentId, session)
  return marker and marker == attempt .. ':' .. agentId .. ':' .. session
end

-- A hash without an entry was edited by hand: there is nothing to compare with.
local function ticketFits(queue, entry, ticket)
  return ticket == '' or not entry or entry == '' or ticket == queue .. '/' .. entry
end

-- Evidence is kept short: a history must not outweigh its command.
local MOST_KEPT = 4096

local function cutResult(json)
  if json == '' then return cjson.null end
  if #json <= MOST_KEPT then return json end
  return cjson.encode('(' .. #json .. ' bytes, not kept)')
end

local function cutError(json)
  if json == '' then return cjson.null end
  if #json <= MOST_KEPT then return json end
  -- The code is what matters. Not by cjson: it raises at a lone surrogate, which JavaScript writes.
  local code = string.match(json, '"code":"([A-Z_]+)"') or 'EXECUTION_FAILED'
  return cjson.encode({ code = code, message = '(' .. #json .. ' bytes, not kept)' })
end

local function attemptOf(item) return tonumber(item.attempt) or 0 end

local function evidence(why, item)
  return {
    why = why, at = now, attempt = attemptOf(item), agentId = item.agentId, session = item.session,
    status = item.status, result = cutResult(item.result), error = cutError(item.error),
    ticket = item.ticket ~= '' and item.ticket or nil,
  }
end

-- Returns what the history has of this attempt: 'failed' when its report was accepted and another attempt
-- followed, 'late' when it was refused. The list may have been edited by hand: no item is trusted.
local function rememberedAs(item)
  local kept = redis.pcall('LRANGE', root .. 'history:' .. item.id, 0, HISTORY_CAP - 1)
  if kept.err then return nil end
  for _, json in ipairs(kept) do
    local isJson, one = pcall(cjson.decode, json)
    if isJson and type(one) == 'table' and one.attempt == attemptOf(item) and one.agentId == item.agentId then
      -- An item of another delivery is not this report. Items of earlier versions name no delivery.
      local same = item.session == one.session and (one.ticket == nil or item.ticket == '' or one.ticket == item.ticket)
      -- `recover` notes no status: only an agent's own report has one. The same holds after an operator's retry.
      local isTold = (one.why == 'lost' or one.why == 'retried') and one.status == 'FAILED'
      local why = isTold and 'failed' or one.why
      if same and (why == 'failed' or why == 'late') then return why end
    end
  end
end

local function refuse(item)
  local known = rememberedAs(item)
  if known == 'failed' then return 'again' end
  if known ~= 'late' then remember(item.id, evidence('late', item)) end
  return 'late'
end

local function pause(failures, item)
  local most = math.min(LONGEST_PAUSE_MS, BASE_PAUSE_MS * 2 ^ (failures - 1))
  -- Later than in a year no command may be run: a time with more digits could not be read again.
  return math.min(LONGEST_ASKED_MS, math.max(item.pauseMs, math.floor(most * item.jitter / 1000000)))
end

local function complete(id, queue, entry, attempt, result, marker)
  close(id, 'RUNNING', queue, entry, attempt, 'COMPLETED', 'result', result, 'reported', marker)
  return 'accepted'
end

-- Returns the reason of an agent that was stopped, which clients are to know. Any other reason is one of its lease.
local function stopIn(json)
  if #json > MOST_KEPT or not string.find(json, '"message":"its agent was stopped', 1, true) then return nil end
  return string.match(json, '"message":"([^"\\]+)')
end

-- Failures are no hot path: what else their rules need is read here.
local function concede(item, marker)
  local command, why = readForLoss(item.id)
  if not command then return why end
  command.executed = raised(command.executed, item.executed)
  return lose(command, marker, stopIn(item.error)) == 'broken' and 'broken' or 'accepted'
end

-- No other attempt follows once a cancel was requested. This is not the hot path, so the field is read only here.
local function isCancelled(id) return type(redis.pcall('HGET', commandOf(id), 'cancelRequestedAt')) == 'string' end

local function fail(item, marker)
  if string.match(item.error, '"code":"([A-Z_]+)"') == 'AGENT_LOST' then return concede(item, marker) end
  local command, why = readCommand(item.id, 'status', 'attempt', 'entry', 'queue', 'failures', 'maxAttempts', 'executed',
    'expiresAt')
  if not command then return why end
  local failures = (tonumber(command.failures) or 0) + 1
  local fields = {
    'failures', whole(failures), 'reported', marker, 'executed', raised(command.executed, item.executed),
  }
  if item.retryable and failures < (tonumber(command.maxAttempts) or 1) and not isCancelled(item.id) then
    local runAt = now + pause(failures, item)
    if not canPutBack(command, runAt) or not putBack(command, runAt, fields) then return 'broken' end
    remember(item.id, evidence('failed', item))
    return 'accepted'
  end
  if item.result ~= '' then fields[#fields + 1] = 'result'; fields[#fields + 1] = item.result end
  fields[#fields + 1] = 'error'; fields[#fields + 1] = item.error
  finish(command, 'FAILED', unpack(fields))
  return 'accepted'
end

-- Not by readCommand: of all that scripts read, this is read second to most.
local function readReported(id)
  local values, why = readValues(id, 'status', 'entry', 'queue', 'attempt')
  if not values then return nil, why end
  local attempt = values[4]
  if not values[3] or attempt and not isNumber(attempt) then return nil, 'broken' end
  return { id = id, status = values[1], entry = values[2], queue = values[3], attempt = attempt or nil }
end

local function report(item)
  local command, why = readReported(item.id)
  if not command then return why end
  local marker = item.marker or readMarker(item.id)
  if marker == false then return 'broken' end
  if item.attempt == '' and command.attempt == '1' then item.attempt = '1' end
  if command.status == 'RUNNING' and markerFits(marker, item.attempt, item.agentId, item.session)
    and ticketFits(command.queue, command.entry, item.ticket) then
    if item.status == 'COMPLETED' then
      return complete(item.id, command.queue, command.entry, command.attempt, item.result, marker)
    end
    return fail(item, marker)
  end
  local reported = redis.call('HGET', commandOf(item.id), 'reported')
  if markerFits(reported, item.attempt, item.agentId, item.session) then return 'again' end
  return refuse(item)
end

-- Nearly all reports: of a RUNNING command that is as Fencepost left it, the result of the attempt that its hash names.
-- Every other report is for `report`, which reads again.
local function completePlain(agentId, session, at, marker)
  local id, attempt = ARGV[at], ARGV[at + 1]
  if attempt ~= '1' and not isNumber(attempt) or not markerFits(marker, attempt, agentId, session) then return nil end
  local values = redis.pcall('HMGET', commandOf(id), 'status', 'entry', 'queue', 'attempt')
  local entry, queue = values[2], values[3]
  if values[1] ~= 'RUNNING' or not entry or not queue or values[4] ~= attempt then return nil end
  if not ticketFits(queue, entry, ARGV[at + 2]) then return nil end
  return complete(id, queue, entry, attempt, ARGV[at + 3], marker)
end

local function itemAt(group, at, marker)
  local item = {
    id = ARGV[at], agentId = group.agentId, session = group.session, attempt = ARGV[at + 1], ticket = ARGV[at + 2],
    result = ARGV[at + 3], marker = marker or nil, status = 'COMPLETED', error = '', executed = 'yes', retryable = false,
    pauseMs = 0, jitter = 0,
  }
  if group.isDone then return item end
  item.status, item.error, item.executed = ARGV[at + 4], ARGV[at + 5], ARGV[at + 6]
  item.retryable, item.pauseMs, item.jitter = ARGV[at + 7] == '1', numberAt(at + 8), numberAt(at + 9)
  return item
end

-- All of them before the first write.
local groups, markers, at = {}, {}, 2
for g = 1, numberAt(1) do
  local isDone, count = ARGV[at + 2] == 'done', numberAt(at + 3)
  local stride = isDone and 4 or 10
  groups[g] = { agentId = ARGV[at], session = ARGV[at + 1], isDone = isDone, first = at + 4, count = count, stride = stride }
  at = at + 4
  local last = at + stride * count - 1
  if last > #ARGV then error('argument ' .. last .. ' is missing: a call of report must be whole') end
  for _ = 1, count do
    markers[#markers + 1] = markerOf(ARGV[at])
    if ARGV[at + 1] ~= '' and ARGV[at + 1] ~= '1' then numberAt(at + 1) end
    if not isDone then
      numberAt(at + 8)
      numberAt(at + 9)
      if not RANK[ARGV[at + 6]] then error('argument ' .. (at + 6) .. ' must be no, unknown or yes') end
    end
    at = at + stride
  end
end
-- Where the arguments of another script begin.
afterReports = at
-- The markers of all of them in one step: this script sets none, and those of ended attempts go at its end. A
-- key that is no string reads as unset here, and is asked for once more by itself.
for from = 1, #markers, MOST_AT_ONCE do
  local to = math.min(from + MOST_AT_ONCE - 1, #markers)
  local found = redis.call('MGET', unpack(markers, from, to))
  for i = from, to do markers[i] = found[i - from + 1] end
end
local words, n = {}, 0
for _, group in ipairs(groups) do
  for i = 1, group.count do
    n = n + 1
    local from = group.first + (i - 1) * group.stride
    words[n] = group.isDone and completePlain(group.agentId, group.session, from, markers[n])
      or report(itemAt(group, from, markers[n]))
  end
end
tell()
return { now, words }
