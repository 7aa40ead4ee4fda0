#!lua flags=allow-oom
-- announce: changes no command. An agent says which command types it knows, each in a version of its own:
-- agents that mean different things by one name must not undo each other's announcements.
--
-- KEYS  fencepost:types
-- ARGV  n, how many items; each: type digest text
--         digest   of the text: another one is another version
--         text     JSON { payload, result, onAgentLost, defaultTimeoutMs }
--
-- Guards: the key is a hash, else `broken`. A version that was announced within the last minute is left
--   as it is. One that nobody has announced for seven days is dropped.
-- Reply   { now, words… }: 'ok' | 'differs' | 'broken'
--   differs: somebody announced another version of it within the last two minutes
-- Events  none
local KEEP_MS, REFRESH_MS, RECENT_MS = 7 * 24 * 3600 * 1000, 60 * 1000, 120 * 1000

local kept = redis.pcall('HGETALL', root)
local known = {}
for i = 1, #kept, 2 do known[kept[i]] = kept[i + 1] end

-- Always the last member. Not by cjson, which would not write back the schema that it read.
local function timeOf(text) return tonumber(string.match(text, '"announcedAt":(%d+)}$')) end

local function isFresh(before, text)
  local time = before and timeOf(before)
  -- Somebody may have edited it.
  return time and time <= now and now - time < REFRESH_MS and string.sub(before, 1, #text - 1) == string.sub(text, 1, -2)
end

local function isDisputed(name, own)
  for field, text in pairs(known) do
    local time = timeOf(text)
    local isOther = field ~= own and string.sub(field, 1, #name + 1) == name .. '@'
    if isOther and time and now - time < RECENT_MS then return true end
  end
  return false
end

local function announce(name, digest, text)
  if kept.err then return 'broken' end
  local field = name .. '@' .. digest
  if not isFresh(known[field], text) then
    known[field] = string.sub(text, 1, -2) .. ',"announcedAt":' .. whole(now) .. '}'
    redis.call('HSET', root, field, known[field])
  end
  return isDisputed(name, field) and 'differs' or 'ok'
end

local words = {}
for i = 1, tonumber(ARGV[1]) do words[i] = announce(ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]) end
for field, text in pairs(known) do
  local time = timeOf(text)
  if time and now - time >= KEEP_MS then redis.call('HDEL', root, field) end
end
return { now, words }
