#!lua flags=allow-oom
-- report_and_start: the calls of report and start, the one right after the other, as one step: for an agent that
-- reports and has slots for more. Guards, replies and events are theirs. What was reported is settled and put away
-- before anything is started, and is answered also when starting fails.
--
-- KEYS  root
-- ARGV  those of report, then those of start
-- Reply   { reply of report, reply of start or { 'failed', why } }
local reported = (function()
  -- Counted and published once, after both.
  local tell = putAway
  --[[ report ]]
end)()

local rest = {}
for i = afterReports, #ARGV do rest[i - afterReports + 1] = ARGV[i] end
ARGV = rest
local hasStarted, started = pcall(function()
  local function tell() end
  --[[ start ]]
end)
tell()
if not hasStarted then started = { 'failed', type(started) == 'table' and started.err or tostring(started) } end
return { reported, started }
