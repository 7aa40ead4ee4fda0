#!lua flags=allow-oom
-- release: an agent gives up commands that it does not execute and never will: no loss. One that
-- was delivered and not started stays PENDING with a new entry; one whose attempt was started goes
-- RUNNING -> PENDING, and that attempt's number is spent; or -> FAILED when it was asked to stop.
--
-- KEYS  root
-- ARGV  agentId session
--       n, how many items; each: queue entry id attempt     attempt 0: it was not started
--
-- Guards, per item: attempt 0: the entry is the command's current one, PENDING, no marker, and the
--   entry is pending under agentId. Else: RUNNING and the marker is attempt:agentId:session.
-- Reply   { now, words… }: 'released' | 'refused' | 'gone' | 'broken'
-- Events  PENDING or FAILED for each released one
local agentId, session = ARGV[1], ARGV[2]

local function ownedHere(queue, entry)
  local row = redis.pcall('XPENDING', streamOf(queue), GROUP, entry, entry, 1)
  return not row.err and row[1] ~= nil and row[1][2] == agentId
end

local function release(queue, entry, id, attempt)
  local command, why = readCommand(id, 'status', 'attempt', 'entry', 'queue', 'expiresAt', 'executed', 'cancelRequestedAt')
  if not command then return why end
  if not canPutBack(command) then return 'broken' end
  local marker = readMarker(id)
  local may
  if attempt == '0' then
    may = command.entry == entry and command.queue == queue and command.status == 'PENDING' and marker == nil
      and ownedHere(queue, entry)
  else
    may = command.status == 'RUNNING' and marker == attempt .. ':' .. agentId .. ':' .. session
  end
  if not may then return 'refused' end
  -- A cancelled command must not be given to another agent.
  if command.cancelRequestedAt then
    local error = cjson.encode({ code = 'CANCELLED', message = 'it was cancelled, and handed back unexecuted' })
    finish(command, 'FAILED', 'error', error, 'executed', raised(command.executed, 'no'))
    return 'released'
  end
  if not putBack(command) then return 'broken' end
  return 'released'
end

local words = {}
for i = 1, numberAt(3) do
  local at = 3 + (i - 1) * 4
  words[i] = release(ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
end
tell()
return { now, words }
