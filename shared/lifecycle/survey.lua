#!lua flags=allow-oom
-- survey: what queues have to do. It changes nothing; as a script, since asking for many queues one by one
-- would cost the caller a hundred times as much.
--
-- KEYS  root
-- ARGV  what   'consumers', or '' for none
--       n, how many queues; each: its name
--
-- Guards: a key of another type counts as no stream; one without the group as one that no agent has read.
-- Reply   { now, rows }, a row per queue: { length, pending, when the first entry that no agent was given was
--   put there, in ms, or '', then of each consumer its name and how much is pending under it }
-- Events  none: no command changes
local withConsumers = ARGV[1] ~= ''

-- Turns a flat reply of XINFO into fields by name.
local function named(flat)
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end

local function groupOf(stream)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  for _, flat in ipairs(groups) do
    local fields = named(flat)
    if fields.name == GROUP then return fields end
  end
end

local function survey(stream)
  local length = redis.pcall('XLEN', stream)
  if type(length) ~= 'number' then return { 0, 0, '' } end
  local agents = groupOf(stream)
  local row = { length, agents and agents.pending or 0, '' }
  if length > 0 then
    local from = agents and '(' .. agents['last-delivered-id'] or '-'
    local first = redis.pcall('XRANGE', stream, from, '+', 'COUNT', 1)[1]
    if type(first) == 'table' then row[3] = string.match(first[1], '^%d+') end
  end
  if withConsumers and agents then
    for _, flat in ipairs(redis.pcall('XINFO', 'CONSUMERS', stream, GROUP)) do
      local consumer = named(flat)
      row[#row + 1] = consumer.name
      row[#row + 1] = consumer.pending
    end
  end
  return row
end

local rows = {}
for i = 1, numberAt(2) do rows[i] = survey(streamOf(ARGV[2 + i])) end
return { now, rows }
