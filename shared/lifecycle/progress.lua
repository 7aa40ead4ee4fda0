#!lua flags=allow-oom
-- progress: RUNNING stays RUNNING. An agent reports how far its attempts are. Each progress is stored with
-- the attempt that reported it, so the start of the next one has nothing to clear.
--
-- KEYS  root
-- ARGV  agentId session
--       n, how many items; each: id attempt sequence progress
--         sequence   grows with each progress of an attempt: a later one that arrived first stays
--         progress   JSON on one line, of at most 1 KiB
--
-- Guards, per item: RUNNING and the marker is attempt:agentId:session, else `lost`; `progressOf` does
--   not name this sequence of this attempt, or a later one, else `again`.
-- Reply   { now, words… }: 'ok' | 'again' | 'lost' | 'gone' | 'broken'
-- Events  RUNNING with the progress, for each one that was stored
local agentId, session = ARGV[1], ARGV[2]

local function isTold(progressOf, attempt, sequence)
  local toldAttempt, told = string.match(progressOf or '', '^(%d+):(%d+)$')
  return toldAttempt == attempt and tonumber(told) >= tonumber(sequence)
end

local function store(id, attempt, sequence, progress)
  local command, why = readCommand(id, 'status', 'queue', 'progressOf')
  if not command then return why end
  local marker = readMarker(id)
  if command.status == 'RUNNING' and marker == false then return 'broken' end
  if command.status ~= 'RUNNING' or marker ~= attempt .. ':' .. agentId .. ':' .. session then return 'lost' end
  if isTold(command.progressOf, attempt, sequence) then return 'again' end
  redis.call('HSET', commandOf(id), 'progress', progress, 'progressOf', attempt .. ':' .. sequence)
  -- No move: the status stays. One line, like those of moves, and the progress behind it.
  moved[#moved + 1] = id .. ' RUNNING ' .. attempt .. ' ' .. progress
  return 'ok'
end

-- All of them before the first write.
for i = 1, numberAt(3) do numberAt(4 * i + 2) end
local words = {}
for i = 1, numberAt(3) do
  local at = 4 * i
  words[i] = store(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
end
tell()
return { now, words }
