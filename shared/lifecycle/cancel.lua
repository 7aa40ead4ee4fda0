#!lua flags=allow-oom
-- cancel: PENDING -> FAILED, at once; for a RUNNING command it asks the agent to stop, and the agent's
-- report ends it. Or, called by maintenance for attempts that hang: RUNNING -> FAILED, once the time that
-- an attempt may take is over, and its agent has had a margin to report by itself.
--
-- KEYS  root
-- ARGV  reason     CANCELLED: an operator wants it; TIMEOUT: it may hang
--       marginMs   with TIMEOUT: how long after its deadline, or after it was asked to stop
--       n, how many items; each: id attempt retried timeoutMs
--         attempt retried   as the caller saw them, '' for none: it is for this life only
--         timeoutMs         of its type, for a command that has none of its own; '' for none
--
-- Guards, per item: the attempt and the life are those that the caller saw; CANCELLED: PENDING, or
--   RUNNING; one that is cancelled already stays as it is; TIMEOUT: RUNNING, and the deadline, by
--   Redis's clock, is marginMs ago, or it was asked to stop marginMs ago.
-- Reply   { now, words… }: 'cancelled' | 'requested' | 'refused' | 'gone' | 'broken'
-- Events  FAILED for each one that it ended. To `cancels:<agentId>`: `id attempt` of each one asked to stop
local reason, marginMs = ARGV[1], numberAt(2)

-- `own`: whether the attempt that this ends was executed, as far as can be known.
local function fail(command, code, message, own)
  redis.pcall('ZREM', root .. 'scheduled', command.id)
  redis.pcall('ZREM', root .. 'expiring', command.id)
  finish(command, 'FAILED', 'error', cjson.encode({ code = code, message = message }), 'executed', raised(command.executed, own))
end

local function endPending(command)
  local what = 'it was started'
  if command.attempt and command.attempt ~= '0' then what = 'its next attempt was started' end
  fail(command, 'CANCELLED', 'it was cancelled before ' .. what, 'no')
  return 'cancelled'
end

-- The first request counts; the hint goes out each time, since one may be lost.
local function request(command)
  if not command.cancelRequestedAt then redis.call('HSET', commandOf(command.id), 'cancelRequestedAt', whole(now)) end
  redis.pcall('PUBLISH', channels .. 'cancels:' .. (command.agentId or ''), command.id .. ' ' .. (command.attempt or '0'))
  return 'requested'
end

local function isOver(since, ms) return since ~= nil and ms ~= nil and since + ms + marginMs <= now end

-- The handler may still be at work, and what it has done is unknown.
local function endOverdue(command, typesTimeout)
  local silent = (command.agentId or 'its agent') .. ' has not said that it stopped'
  local timeout = tonumber(command.timeoutMs or typesTimeout)
  if isOver(tonumber(command.cancelRequestedAt), 0) then
    fail(command, 'CANCELLED', 'it was cancelled, and ' .. silent, 'unknown')
  elseif isOver(tonumber(command.startedAt), timeout) then
    fail(command, 'TIMEOUT', 'not done after ' .. whole(timeout) .. ' ms, and ' .. silent, 'unknown')
  else
    return 'refused'
  end
  return 'cancelled'
end

-- The same call sent twice: the first has ended it. Quotes within a message are escaped in JSON.
local function isCancelled(command)
  return command.status == 'FAILED' and string.find(command.error or '', '"code":"CANCELLED"', 1, true) ~= nil
end

local function cancel(id, attempt, retried, typesTimeout)
  local command, why = readCommand(id, 'status', 'attempt', 'entry', 'queue', 'retried', 'executed', 'agentId',
    'startedAt', 'timeoutMs', 'cancelRequestedAt', 'error')
  if not command then return why end
  if (command.attempt or '0') ~= attempt or (command.retried or '') ~= retried then return 'refused' end
  if reason == 'TIMEOUT' then
    if command.status ~= 'RUNNING' then return 'refused' end
    return endOverdue(command, typesTimeout)
  end
  if command.status == 'PENDING' then return endPending(command) end
  if command.status == 'RUNNING' then return request(command) end
  return isCancelled(command) and 'cancelled' or 'refused'
end

local words = {}
for i = 1, numberAt(3) do
  local at = 3 + (i - 1) * 4
  words[i] = cancel(ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
end
tell()
return { now, words }
