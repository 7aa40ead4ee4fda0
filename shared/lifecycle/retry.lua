#!lua
-- retry: FAILED -> PENDING, the only way out of a terminal status: an operator wants a failed command to
-- be executed again. A new life: its losses and failures are counted from none, and it does not
-- expire; its attempts go on counting, and `executed` is never lowered. How it had ended goes to the
-- history. Without allow-oom: a full Redis refuses new work.
--
-- KEYS  root
-- ARGV  n, how many items; each: id finishedAt
--         finishedAt   of the failure that the caller saw: it is for that one, and for no later one
--
-- Guards, per item and in order: `retried` is that failure: this very call came before, the same
--   answer; FAILED, and that failure is its last, else `refused`; also when it is of this millisecond:
--   the next one might bear the same time. Where its queue's stream, or `scheduled`, is something
--   else: `broken`.
-- Reply   { now, words… }: 'retried' | 'refused' | 'gone' | 'broken'
-- Events  PENDING for each retried one
-- Kept as short as in `report`: a history must not outweigh its command.
local MOST_KEPT = 4096

local function cut(json, isError)
  if not json or json == '' then return cjson.null end
  if #json <= MOST_KEPT then return json end
  local note = '(' .. #json .. ' bytes, not kept)'
  if not isError then return cjson.encode(note) end
  return cjson.encode({ code = string.match(json, '"code":"([A-Z_]+)"') or 'EXECUTION_FAILED', message = note })
end

local function evidence(command)
  local attempt, session = string.match(command.reported or '', '^(%d+):[^:]*:(.*)$')
  -- A status only where its agent has reported it: that report, sent again, was accepted.
  local isReported = attempt ~= nil and attempt == command.attempt
  return {
    why = 'retried', at = now, attempt = tonumber(command.attempt) or 0, agentId = command.agentId or '',
    session = isReported and session or '', status = isReported and 'FAILED' or cjson.null,
    result = cut(command.result), error = cut(command.error, true),
  }
end

local function retry(id, finishedAt)
  local command, why = readCommand(id, 'status', 'attempt', 'entry', 'queue', 'retried', 'finishedAt', 'runAt',
    'agentId', 'reported', 'result', 'error')
  if not command then return why end
  if command.retried == finishedAt then return 'retried' end
  if command.status ~= 'FAILED' or command.finishedAt ~= finishedAt or finishedAt == whole(now) then return 'refused' end
  local item = evidence(command)
  -- One that was cancelled long before its time still waits for that.
  local runAt = tonumber(command.runAt)
  if runAt and runAt <= now then runAt = nil end
  if not canPutBack(command, runAt) or not putBack(command, runAt, { 'retried', finishedAt }) then return 'broken' end
  redis.call('HDEL', commandOf(id), 'result', 'error', 'finishedAt', 'losses', 'failures', 'cancelRequestedAt',
    'expiresAt', 'waitingFor', 'renewedAt')
  if not runAt then redis.call('HDEL', commandOf(id), 'runAt') end
  redis.pcall('ZREM', root .. 'index:failed', id)
  remember(id, item)
  return 'retried'
end

local words = {}
for i = 1, numberAt(1) do words[i] = retry(ARGV[2 * i], ARGV[1 + 2 * i]) end
tell()
return { now, words }
