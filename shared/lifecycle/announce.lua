#!lua flags=allow-oom
-- announce: changes no command. An agent announces the command types that it knows, each in a version of its own:
-- agents that mean different things by one name must not undo each other's announcements.
--
-- KEYS  fencepost:types
-- ARGV  n, how many items; each: type digest text
--         digest   of the text: another one is another version
--         text     JSON { payload, result, onAgentLost, defaultTimeoutMs }
--
-- Guards: the key is a hash, else `broken`. A text has at most 65 KiB, else `large`. A version that was
--   announced within the last minute is left as it is. One that no agent has announced for seven days is
--   dropped when another one is new, and of a type with more than twenty versions those that were
--   announced longest ago. There are 1,000 versions and 2 MiB of texts at most: for a new one those are
--   dropped that were announced longest ago, but none that was announced within two minutes, else `full`.
-- Cost    what is announced again within a minute reads its own text, and the names of all versions. All
--   texts are read only when a version is new, and never one that is larger than a text may be.
-- Reply   { now, words… }: 'ok' | 'differs' | 'broken' | 'large' | 'full'
--   differs: another version of it was announced within the last two minutes
-- Events  none
local KEEP_MS, REFRESH_MS, RECENT_MS, MOST_VERSIONS = 7 * 24 * 3600 * 1000, 60 * 1000, 120 * 1000, 20
local MOST_FIELDS, MOST_BYTES, MOST_TEXT = 1000, 2 * 1024 * 1024, 65 * 1024

local isBroken = type(redis.pcall('HLEN', root)) ~= 'number'

-- Always the last member. Not by cjson, which would not write back the schema that it read; not in all
-- of the text, which may be long.
local function timeOf(text) return tonumber(string.match(string.sub(text, -40), '"announcedAt":(%d+)}$')) end

local names
local function fields()
  if not names then
    names = {}
    for _, field in ipairs(redis.call('HKEYS', root)) do names[field] = true end
  end
  return names
end

local times = {}
-- 0: it has none, or is too long to be looked into.
local function timeAt(field)
  if times[field] == nil then
    local isLong = redis.call('HSTRLEN', root, field) > MOST_TEXT
    local text = not isLong and redis.call('HGET', root, field)
    times[field] = text and timeOf(text) or 0
  end
  return times[field]
end

local function drop(field)
  redis.call('HDEL', root, field)
  fields()[field], times[field] = nil, nil
end

local function versionsOf(name)
  local found = {}
  for field in pairs(fields()) do
    if string.sub(field, 1, #name + 1) == name .. '@' then found[#found + 1] = field end
  end
  return found
end

local function latestFirst(found)
  local at = {}
  for _, field in ipairs(found) do at[field] = timeAt(field) end
  table.sort(found, function(a, b) return at[a] > at[b] or (at[a] == at[b] and a < b) end)
  return found
end

local function isDisputed(found, own)
  for _, field in ipairs(found) do
    local time = timeAt(field)
    if field ~= own and time > 0 and now - time < RECENT_MS then return true end
  end
  return false
end

-- Drops what is too long or too old, and then, until there is room for a new text, what is stale.
local function makeRoom(text)
  local left, count, bytes = {}, 1, #text
  for field in pairs(fields()) do
    local size, time = redis.call('HSTRLEN', root, field), timeAt(field)
    if size > MOST_TEXT or (time > 0 and now - time >= KEEP_MS) then
      drop(field)
    else
      left[#left + 1], count, bytes = field, count + 1, bytes + size
    end
  end
  if count <= MOST_FIELDS and bytes <= MOST_BYTES then return true end
  latestFirst(left)
  for i = #left, 1, -1 do
    if now - timeAt(left[i]) < RECENT_MS then return false end
    count, bytes = count - 1, bytes - redis.call('HSTRLEN', root, left[i])
    drop(left[i])
    if count <= MOST_FIELDS and bytes <= MOST_BYTES then return true end
  end
  return count <= MOST_FIELDS and bytes <= MOST_BYTES
end

local function isFresh(before, text)
  local time = before and timeOf(before)
  -- The stored text may have been edited by hand, so its time and its content are checked.
  return time and time <= now and now - time < REFRESH_MS and string.sub(before, 1, #text - 1) == string.sub(text, 1, -2)
end

local function announce(name, digest, text)
  if isBroken then return 'broken' end
  if #text > MOST_TEXT - 40 then return 'large' end
  local field = name .. '@' .. digest
  local size = redis.call('HSTRLEN', root, field)
  local before = size > 0 and size <= MOST_TEXT and redis.call('HGET', root, field)
  if not isFresh(before, text) then
    if not before and not makeRoom(text) then return 'full' end
    redis.call('HSET', root, field, string.sub(text, 1, -2) .. ',"announcedAt":' .. whole(now) .. '}')
    fields()[field], times[field] = true, now
  end
  local found = versionsOf(name)
  if #found > MOST_VERSIONS then
    latestFirst(found)
    for i = #found, MOST_VERSIONS + 1, -1 do
      drop(found[i])
      found[i] = nil
    end
  end
  return isDisputed(found, field) and 'differs' or 'ok'
end

local words = {}
for i = 1, numberAt(1) do words[i] = announce(ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]) end
return { now, words }
