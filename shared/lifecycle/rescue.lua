#!lua flags=allow-oom
-- rescue: requeues a command that is neither terminal, nor scheduled, nor on a stream or pending, because
-- what named it was deleted by hand. It is given a new entry, or its place in `scheduled`; or, if it was
-- running and is not renewed, the lost-agent policy applies. Called for what a slow scan saw twice, one
-- lease apart.
--
-- KEYS  root
-- ARGV  leaseMs  of the caller
--       n, how many items; each: id entry     entry: what the scan saw in the hash, '' for none
--
-- Guards, per item: recovery does not hold off (this call is a pulse too); PENDING or RUNNING; the
--   hash still names that entry; the entry is neither in the stream nor pending, or in a lane that is
--   not in the set of queues, or, for none, the id is not scheduled; RUNNING: not renewed for a lease, the
--   longest that is in use, else its lane is entered in the set again.
-- Reply   { now, words… }: 'requeued' | 'lost' | 'moot' | 'hold' | 'gone' | 'broken'
-- Events  PENDING or FAILED for each resolved one
local holdUntil, lease = beat(numberAt(1))

-- Without an entry it waits in `scheduled`.
local function isNamed(command)
  if command.entry == '' then
    local runAt = redis.call('ZSCORE', root .. 'scheduled', command.id)
    return runAt ~= false
  end
  -- Recovery does not visit a lane that was retired, or that was taken out of the set by hand.
  if homeOf(command.queue) ~= command.queue and redis.pcall('SISMEMBER', root .. 'queues', command.queue) ~= 1 then return false end
  -- A value that was written by hand may be no entry id: then it names nothing.
  local stream, entry = streamOf(command.queue), command.entry
  local found = redis.pcall('XRANGE', stream, entry, entry)
  if not found.err and #found > 0 then return true end
  local row = redis.pcall('XPENDING', stream, GROUP, entry, entry, 1)
  return not row.err and #row > 0
end

-- A time in the future is of a clock that was set back since: a live agent has renewed after that.
local function isRenewed(command)
  local renewedAt = tonumber(command.renewedAt)
  return renewedAt ~= nil and renewedAt <= now and now - renewedAt < lease
end

-- While a command's entry is pending, only the idle time of that entry shows that its agent lives.
local function isHeld(command)
  local row = redis.pcall('XPENDING', streamOf(command.queue), GROUP, command.entry, command.entry, 1)
  return not row.err and row[1] ~= nil and row[1][3] < lease
end

local function rescue(id, entry)
  local command, why = readCommand(id, unpack(LOSS_FIELDS))
  if not command then return why end
  if now < holdUntil then return 'hold' end
  if command.status ~= 'PENDING' and command.status ~= 'RUNNING' then return 'moot' end
  command.entry = command.entry or ''
  local place, kind = streamOf(command.queue), 'stream'
  if command.entry == '' then place, kind = root .. 'scheduled', 'zset' end
  -- A key of another type cannot be asked whether it names the command.
  if not isKind(place, kind) then return 'broken' end
  if command.entry ~= entry or isNamed(command) then return 'moot' end
  if command.status == 'RUNNING' and isRenewed(command) then return 'moot' end
  if command.status == 'RUNNING' and isHeld(command) then
    -- Recovery visits the lane again, and decides about the command as about any other.
    join(command.queue)
    return 'moot'
  end
  return resolve(command)
end

local words = {}
for i = 1, numberAt(2) do words[i] = rescue(ARGV[1 + 2 * i], ARGV[2 + 2 * i]) end
tell()
return { now, words }
