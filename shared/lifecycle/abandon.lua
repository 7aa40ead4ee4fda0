#!lua flags=allow-oom
-- abandon: an agent's new session settles what its earlier sessions left, at once and without waiting for the
-- lease, where it has proved that their processes are dead. It is called only after every journalled outcome
-- had its answer.
--
-- KEYS  root
-- ARGV  agentId session
--       most  how many entries at once
--       queue
--       after  '' or the entry where the last call ended
--       e, then e sessions: earlier runs whose processes the caller has proved dead
--
-- Guards, in order: the session is the agent's newest, else `old-session`. Per entry pending under
--   agentId: it is the command's current one, else a stray; PENDING and no marker: requeued; RUNNING
--   and the marker names agentId and one of those sessions: the lost-agent policy; anything else is
--   not this session's to settle and waits for its lease. To a session without a random part, of an agent
--   of an earlier version, every lower boot of its instance counts as proved dead.
-- Reply   { 'old-session' } | { 'ok', now, after, items… }   after: '' at the end; each item
--   { 'requeued' | 'lost' | 'stray' | 'moot' | 'broken', queue, entry, id, attempt }
-- Events  PENDING or FAILED for each resolved one
local agentId, session, most, queue, after = ARGV[1], ARGV[2], numberAt(3), ARGV[4], ARGV[5]
local stream = streamOf(queue)

if redis.pcall('GET', root .. 'session:' .. agentId) ~= session then return { 'old-session' } end
local myInstance, myBoot, isRandom = runOf(session)
local dead = {}
for i = 7, 6 + numberAt(6) do dead[ARGV[i]] = true end

local function isMyDeadSession(command)
  local marker = readMarker(command.id)
  if not marker then return false end
  local prefix = (command.attempt or '') .. ':' .. agentId .. ':'
  if string.sub(marker, 1, #prefix) ~= prefix then return false end
  local of = string.sub(marker, #prefix + 1)
  if dead[of] then return of ~= session end
  local instance, boot, isOfRandom = runOf(of)
  return not isRandom and not isOfRandom and instance ~= nil and instance == myInstance and boot < myBoot
end

local function settle(entry)
  local found = redis.call('XRANGE', stream, entry, entry)[1]
  if not found then
    acknowledge(queue, entry)
    return 'stray'
  end
  local command = commandAt(queue, entry, found[2], readForLoss)
  if not command then return 'stray' end
  if command.status == 'RUNNING' and not isMyDeadSession(command) then return 'moot', command end
  if command.status == 'PENDING' and readMarker(command.id) ~= nil then return 'moot', command end
  return resolve(command), command
end

if not isKind(stream, 'stream') then return { 'ok', now, '', {} } end
local rows = redis.pcall('XPENDING', stream, GROUP, after == '' and '-' or '(' .. after, '+', most, agentId)
if rows.err then return { 'ok', now, '', {} } end
local items = {}
for i, row in ipairs(rows) do
  local word, command = settle(row[1])
  items[i] = { word, queue, row[1], command and command.id or '', tonumber(command and command.attempt or 0) }
end
tell()
return { 'ok', now, #rows == most and rows[#rows][1] or '', items }
