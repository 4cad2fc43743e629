-- Gives back what is left of a taking, to the very buckets that it was charged to. Once: the lease record is deleted.
--
-- KEYS[1]  the counter, a hash: doorward:{NAME}, as take.lua describes it
-- KEYS[2]  the lease record: doorward:{NAME}:lease:ID
-- ARGV[1]  how many tokens
-- ARGV[2…] for each window: the length of its buckets in microseconds, how many older buckets count, the bucket charged
--
-- Answer   1 if they were given back, 0 if there is no such taking, if it was given back before, or if it was of fewer.
--
-- Atomicity: the server runs a script alone. The first write is one that a full server takes, and with it the others.
-- Complexity: O(W) for W windows; O(W·B) for B buckets if the last bucket is empty then.

local counter, record = KEYS[1], KEYS[2]
local left = tonumber(ARGV[1])

local function text(number)
  return string.format('%.0f', number)
end

-- The last bucket from..to, counted down, to which something was charged.
local function last_charged(prefix, from, to)
  local names = {}
  for bucket = from, to, -1 do
    names[#names + 1] = prefix .. text(bucket)
  end
  for place, count in ipairs(#names > 0 and redis.call('HMGET', counter, unpack(names)) or {}) do
    if count then
      return from - place + 1
    end
  end
end

local amount = tonumber(redis.call('GET', record) or nil)
if not amount then
  return 0
end
redis.call('DEL', record)
if left > amount then
  return 0
end
for place = 2, #ARGV, 3 do
  local prefix = ARGV[place] .. ':' .. ARGV[place + 1] .. ':'
  local older, bucket = tonumber(ARGV[place + 1]), tonumber(ARGV[place + 2])
  local field = prefix .. ARGV[place + 2]
  local count = tonumber(redis.call('HGET', counter, field) or 0)
  local returned = math.min(left, count)
  if returned > 0 then
    redis.call('HINCRBY', counter, prefix .. 's', text(-returned))
    if returned < count then
      redis.call('HINCRBY', counter, field, text(-returned))
    else
      redis.call('HDEL', counter, field)
      if tonumber(redis.call('HGET', counter, prefix .. 'l')) == bucket then
        local last = last_charged(prefix, bucket - 1, bucket - older)
        if last then
          redis.call('HSET', counter, prefix .. 'l', text(last))
        else
          redis.call('HDEL', counter, prefix .. 'l', prefix .. 's')
        end
      end
    end
  end
end
return 1
