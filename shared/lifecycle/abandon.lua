#!lua flags=allow-oom
-- abandon: an agent's new session settles what earlier ones of the same instance left, at once and
-- without waiting for the lease. Its data directory's lock proves that their process is dead; it is
-- called only after every journalled outcome had its answer.
--
-- KEYS  root
-- ARGV  agentId session
--       most  how many entries at once
--       queue
--       after  '' or the entry where the last call ended
--
-- Guards, in order: the session is the agent's newest, else `old-session`. Per entry pending under
--   agentId: it is the command's current one, else a stray; PENDING and no marker: put back; RUNNING
--   and the marker names agentId, my instance and a lower boot: the rule for a lost agent; anything
--   else is not mine to settle and waits for its lease.
-- Reply   { 'old-session' } | { 'ok', now, after, items… }   after: '' at the end; each item
--   { 'requeued' | 'lost' | 'stray' | 'moot' | 'broken', queue, entry, id, attempt }
-- Events  PENDING or FAILED for each resolved one
local agentId, session, most, queue, after = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local stream = streamOf(queue)

if redis.pcall('GET', root .. 'session:' .. agentId) ~= session then return { 'old-session' } end
local myInstance, myBoot = string.match(session, '^(.*)%.(%d+)$')

local function isMyDeadSession(command)
  local marker = readMarker(command.id)
  if not marker then return false end
  local prefix = (command.attempt or '') .. ':' .. agentId .. ':'
  if string.sub(marker, 1, #prefix) ~= prefix then return false end
  local instance, boot = string.match(string.sub(marker, #prefix + 1), '^(.*)%.(%d+)$')
  return instance ~= nil and instance == myInstance and tonumber(boot) < tonumber(myBoot)
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
