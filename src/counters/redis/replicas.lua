-- Notes that a replica is alive, and tells how many are.
--
-- KEYS[1]  the replicas, a sorted set by the time of their last note: doorward:replicas
-- ARGV[1]  the replica
-- ARGV[2]  for how long a note counts, in milliseconds
--
-- Answer   how many replicas there are.
--
-- Atomicity: the server runs a script alone. Complexity: O(log N + M) for N replicas, M of which are gone.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
