#!lua flags=allow-oom
-- recover: finds entries whose lease has run out, and resolves each: never started: PENDING with a
-- new entry; started: the lost-agent policy, RUNNING -> PENDING or FAILED.
--
-- It claims under `~recovery` and resolves in the same step, so that nothing can come between. It is
-- called by every server and agent, every lease/12, for every queue of which something is pending, and for
-- every lane; also with nothing to do, since its calls are the pulse by which Redis itself notices an outage.
--
-- It also retires lanes: one that is empty goes, with its stream and its place in the lists. One
-- that is not, and that was taken out of its queue's list by hand, is entered there again.
--
-- KEYS  root
-- ARGV  leaseMs  of the caller
--       most  how many entries at once
--       queue  '': the pulse only
--       cursor  '0-0', or where the last call ended
--
-- Guards, in order: no hold-off: the same run of Redis as at the last call, no more than lease/6
--   ago and not in the future; else nothing is resolved for one lease, so that live agents renew
--   first. Per entry: it was not renewed for a lease, the longest that is in use; it names a command,
--   else the dead stream; it is the command's current one, PENDING or RUNNING, else a stray. A marker
--   that was set on a PENDING command by hand does not count, and goes.
-- Reply   { 'hold', now, until } | { 'ok', now, cursor, items… }, each item
--   { 'requeued' | 'lost' | 'stray' | 'broken', queue, entry, id, attempt }
-- Events  PENDING or FAILED for each resolved one
local leaseMs, most, queue, cursor = numberAt(1), numberAt(2), ARGV[3], ARGV[4]

local holdUntil, lease = beat(leaseMs)
if now < holdUntil then return { 'hold', now, holdUntil } end
if queue == '' or not isKind(streamOf(queue), 'stream') then return { 'ok', now, '0-0', {} } end
local home, name = string.match(queue, '^([^/]*)/(.+)$')
if home then
  local isEmpty = redis.call('XLEN', streamOf(queue)) == 0
  listLane(home, name, not isEmpty)
  if isEmpty then
    redis.call('DEL', streamOf(queue))
    redis.pcall('SREM', root .. 'queues', queue)
    return { 'ok', now, '0-0', {} }
  end
end

-- A deleted entry's row is dropped by Redis itself, and only its entry id is left: `rescue` finds
-- the command by its hash.
local claimed = redis.pcall('XAUTOCLAIM', streamOf(queue), GROUP, '~recovery', whole(lease), cursor, 'COUNT', most)
if claimed.err then return { 'ok', now, '0-0', {} } end
local items = {}
for i, found in ipairs(claimed[2]) do
  local command = commandAt(queue, found[1], found[2], readForLoss)
  items[i] = { command and resolve(command) or 'stray', queue, found[1], command and command.id or '', tonumber(command and command.attempt or 0) }
end
tell()
return { 'ok', now, claimed[1], items }
