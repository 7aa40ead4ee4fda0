#!lua flags=allow-oom
-- resume: a paused queue gives work again, from the end of this call on.
--
-- KEYS  root
-- ARGV  notAfter  ms of Redis time: a call that was under way longer would undo what was asked since
--       queue
--
-- Guards, in order: TIME <= notAfter, else `late`; the queue is paused, else `moot`.
-- Reply   { 'resumed' } | { 'moot' } | { 'late' }
-- Events  none: no command changes
if now > numberAt(1) then return { 'late' } end
if redis.pcall('HDEL', root .. 'paused', ARGV[2]) ~= 1 then return { 'moot' } end
return { 'resumed' }
