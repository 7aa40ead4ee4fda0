#!lua flags=allow-oom
-- report: RUNNING -> COMPLETED | FAILED, or -> PENDING when the command may be tried again. Stores
-- the outcome of an attempt, ends the command and acknowledges its entry in this one step. The error AGENT_LOST is
-- no failure of the command's own: its agent gave the attempt up, and the rule for a lost agent holds.
--
-- KEYS  root
-- ARGV  n, then per item:
--   id agentId
--   session     '' when the reporter has none
--   attempt     '' stands for the first, as long as no other was started
--   ticket      of the delivery that the attempt had, `<queue or lane>/<entry>`; '' when the reporter does not say
--   status      COMPLETED or FAILED
--   result      JSON, or ''
--   error       JSON { code, message }, or ''
--   executed    no | unknown | yes: of this attempt
--   retryable   '1' when another try may help
--   pauseMs     the least pause before another try
--   jitter      0 … 999999: the sender's dice, so that the same call always waits the same
--
-- Guards, per item and in order: there is such a command, else `gone`; its keys are what they should
--   be, else `broken`; RUNNING, the marker is attempt:agentId:session, and the ticket, if there is one, is of
--   the command's current entry, else it changes nothing:
--   `again` when `reported` or the history says that this very report was accepted before, or it is
--   `late`, and is kept once in the history. A reporter without a session may report what was started
--   without one. An omitted attempt with a later one started is late: it may mean either. Another ticket is of a
--   command that was deleted, and submitted anew with its key: its attempts are counted from 1 again.
-- Reply   { now, { word… } }   'accepted' | 'again' | 'late' | 'gone' | 'broken'
-- Events  the new status of each accepted one
local BASE_PAUSE_MS, LONGEST_PAUSE_MS, LONGEST_ASKED_MS = 1000, 3600 * 1000, 365 * 24 * 3600 * 1000

local function markerFits(marker, attempt, agentId, session)
  return marker and marker == attempt .. ':' .. agentId .. ':' .. session
end

-- An entry that is missing was taken out by hand: nothing can be compared.
local function ticketFits(command, ticket)
  return ticket == '' or not command.entry or ticket == command.queue .. '/' .. command.entry
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
  }
end

-- What the history has of this attempt: 'failed' when its report was accepted and another attempt
-- followed, 'late' when it was refused. Anybody may have written there: no item is trusted.
local function rememberedAs(item)
  local kept = redis.pcall('LRANGE', root .. 'history:' .. item.id, 0, HISTORY_CAP - 1)
  if kept.err then return nil end
  for _, json in ipairs(kept) do
    local isJson, one = pcall(cjson.decode, json)
    if isJson and type(one) == 'table' and one.attempt == attemptOf(item) and one.agentId == item.agentId then
      local same = item.session == one.session
      -- `recover` notes no status: only what an agent has said itself has one. After an operator's retry, too.
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

local function complete(command, item, marker)
  finish(command, 'COMPLETED', 'result', item.result, 'reported', marker)
  return 'accepted'
end

-- Of an agent that was stopped its clients are to know that. Any other reason is one of its lease.
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

-- Somebody has asked it to stop: no other attempt. Not on the hot path, so it is read only here.
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
    and ticketFits(command, item.ticket) then
    if item.status == 'COMPLETED' then return complete(command, item, marker) end
    return fail(item, marker)
  end
  local reported = redis.call('HGET', commandOf(item.id), 'reported')
  if markerFits(reported, item.attempt, item.agentId, item.session) then return 'again' end
  return refuse(item)
end

-- All of them before the first write.
local items = {}
for i = 1, numberAt(1) do
  local at = 1 + (i - 1) * ARGS_PER_REPORT
  items[i] = {
    id = ARGV[at + 1], agentId = ARGV[at + 2], session = ARGV[at + 3], attempt = ARGV[at + 4], ticket = ARGV[at + 5],
    status = ARGV[at + 6], result = ARGV[at + 7], error = ARGV[at + 8], executed = ARGV[at + 9],
    retryable = ARGV[at + 10] == '1', pauseMs = numberAt(at + 11), jitter = numberAt(at + 12),
  }
  if items[i].attempt ~= '' then numberAt(at + 4) end
  if not RANK[items[i].executed] then error('argument ' .. (at + 9) .. ' must be no, unknown or yes') end
end
-- The markers of all of them in one step: this script sets none, and those of ended attempts go at its end. A
-- key that is no string reads as unset here, and is asked for once more by itself.
for from = 1, #items, MOST_AT_ONCE do
  local to, names = math.min(from + MOST_AT_ONCE - 1, #items), {}
  for i = from, to do names[#names + 1] = markerOf(items[i].id) end
  local markers = redis.call('MGET', unpack(names))
  for i = from, to do items[i].marker = markers[i - from + 1] or nil end
end
local words = {}
for i, item in ipairs(items) do words[i] = report(item) end
tell()
return { now, words }
