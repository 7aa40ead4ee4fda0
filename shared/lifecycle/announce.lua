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
--   as it is. One that nobody has announced for seven days is dropped, and of a type with more than
--   twenty versions those that were announced longest ago.
-- Reply   { now, words… }: 'ok' | 'differs' | 'broken'
--   differs: somebody announced another version of it within the last two minutes
-- Events  none
local KEEP_MS, REFRESH_MS, RECENT_MS, MOST_VERSIONS = 7 * 24 * 3600 * 1000, 60 * 1000, 120 * 1000, 20

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

-- Texts may be long: only those of this type are looked into.
local function versionsOf(name)
  local fields = {}
  for field in pairs(known) do
    if string.sub(field, 1, #name + 1) == name .. '@' then fields[#fields + 1] = field end
  end
  return fields
end

local function isDisputed(fields, own)
  for _, field in ipairs(fields) do
    local time = field ~= own and known[field] and timeOf(known[field])
    if time and now - time < RECENT_MS then return true end
  end
  return false
end

local function dropOldest(fields)
  local times = {}
  for _, field in ipairs(fields) do times[field] = timeOf(known[field]) or 0 end
  table.sort(fields, function(a, b) return times[a] > times[b] or (times[a] == times[b] and a < b) end)
  for i = MOST_VERSIONS + 1, #fields do
    redis.call('HDEL', root, fields[i])
    known[fields[i]] = nil
  end
end

local function announce(name, digest, text)
  if kept.err then return 'broken' end
  local field = name .. '@' .. digest
  if not isFresh(known[field], text) then
    known[field] = string.sub(text, 1, -2) .. ',"announcedAt":' .. whole(now) .. '}'
    redis.call('HSET', root, field, known[field])
  end
  local fields = versionsOf(name)
  if #fields > MOST_VERSIONS then dropOldest(fields) end
  return isDisputed(fields, field) and 'differs' or 'ok'
end

local words = {}
for i = 1, numberAt(1) do words[i] = announce(ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]) end
for field, text in pairs(known) do
  local time = timeOf(text)
  if time and now - time >= KEEP_MS then redis.call('HDEL', root, field) end
end
return { now, words }
