-- Takes tokens of one counter, in all of its windows or in none.
--
-- KEYS[1]  the counter, a hash: doorward:{NAME}
-- KEYS[2]  the lease record: doorward:{NAME}:lease:ID. Left out if nothing can be given back. What stands in braces
--          puts both on one node of a cluster.
-- ARGV[1]  how many tokens are needed; 0 only asks
-- ARGV[2]  how many are wanted
-- ARGV[3]  beyond what is needed, no more than one part in so many of the room is given
-- ARGV[4]  how long the lease record is kept, in milliseconds
-- ARGV[5…] for each window: its limit, the length of its buckets in microseconds, how many older buckets count
--
-- Answer   { now, granted, life, due, then for each window: remaining, reset, bucket }, times in microseconds.
--
-- Atomicity: the server runs a script alone, so what is read still holds when it is written. The first write is
-- the only one that a full server refuses; nothing is half written. A refusal and a question write nothing.
-- Complexity: O(W·B) for W windows of B buckets. Usually two reads and four writes; W more reads if buckets have left
-- a window, or if there is no room.
--
-- The fields of the hash, for each window, begin with "LENGTH:OLDER:". They are `l`, the last bucket written, `s`, the sum
-- of what counts, and the number of a bucket, what was charged to it. None is 0. The same arithmetic stands in
-- window.rs.

local counter, record = KEYS[1], KEYS[2]
local cost, want, share = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- Lua would write a large number with an exponent.
local function text(number)
  return string.format('%.0f', number)
end

local function fields(window, from, to)
  local names = {}
  for bucket = from, to do
    names[#names + 1] = window.prefix .. text(bucket)
  end
  return names
end

-- What was charged to the buckets from..to.
local function charged(window, from, to)
  if from > to then
    return {}
  end
  local counts = redis.call('HMGET', counter, unpack(fields(window, from, to)))
  for place = 1, #counts do
    counts[place] = tonumber(counts[place] or 0)
  end
  return counts
end

local windows, asked = {}, {}
for place = 5, #ARGV, 3 do
  local window = { limit = tonumber(ARGV[place]), length = tonumber(ARGV[place + 1]), older = tonumber(ARGV[place + 2]) }
  window.prefix = text(window.length) .. ':' .. text(window.older) .. ':'
  asked[#asked + 1] = window.prefix .. 'l'
  asked[#asked + 1] = window.prefix .. 's'
  windows[#windows + 1] = window
end
local known = redis.call('HMGET', counter, unpack(asked))

-- What counts now. Buckets that left are subtracted here, and deleted if something is written.
local room = nil
for place, window in ipairs(windows) do
  local bucket = math.floor(now / window.length)
  local last, sum = tonumber(known[2 * place - 1] or nil), tonumber(known[2 * place] or 0)
  window.current = bucket
  window.left_from, window.left_to = 0, -1
  if last then
    window.left_from = last - window.older
    if last > bucket + window.older + 1 then
      -- The clock stepped back by more than the window.
      window.left_to, last, sum = last, nil, 0
    else
      bucket = math.max(bucket, last)
      window.left_to = math.min(last, bucket - window.older - 1)
      if window.left_to == last then
        last, sum = nil, 0
      else
        for _, count in ipairs(charged(window, window.left_from, window.left_to)) do
          sum = sum - count
        end
      end
    end
  end
  window.bucket, window.last, window.sum = bucket, last, sum
  window.room = math.max(0, window.limit - sum)
  room = math.min(room or window.room, window.room)
end

local amount = 0
if room >= cost then
  amount = math.max(cost, math.min(want, math.floor(room / share)))
end

local function leaves_at(window, bucket)
  return (bucket + window.older + 1) * window.length
end

if amount > 0 then
  local written, gone, life_ms = {}, {}, 0
  for _, window in ipairs(windows) do
    window.sum, window.last = window.sum + amount, window.bucket
    written[#written + 1] = window.prefix .. 'l'
    written[#written + 1] = text(window.bucket)
    written[#written + 1] = window.prefix .. 's'
    written[#written + 1] = text(window.sum)
    for _, field in ipairs(fields(window, window.left_from, window.left_to)) do
      gone[#gone + 1] = field
    end
    life_ms = math.max(life_ms, math.ceil((leaves_at(window, window.bucket) - now) / 1000))
  end
  redis.call('HSET', counter, unpack(written))
  for _, window in ipairs(windows) do
    redis.call('HINCRBY', counter, window.prefix .. text(window.bucket), text(amount))
  end
  if #gone > 0 then
    redis.call('HDEL', counter, unpack(gone))
  end
  -- Only ever longer: another order may count in longer windows.
  if redis.call('PTTL', counter) < life_ms then
    redis.call('PEXPIRE', counter, text(life_ms))
  end
  if record then
    redis.call('SET', record, text(amount), 'PX', ARGV[4])
  end
end

-- When there will be room in a window; if there never will be, when it is over.
local function due_at(window)
  local needed = window.sum + cost - window.limit
  if needed <= 0 then
    return now
  end
  if not window.last then
    return leaves_at(window, window.current)
  end
  local from = math.max(window.left_to + 1, window.last - window.older)
  local leaving = 0
  for place, count in ipairs(charged(window, from, window.last)) do
    leaving = leaving + count
    if leaving >= needed then
      return leaves_at(window, from + place - 1)
    end
  end
  return leaves_at(window, window.last)
end

-- When the whole limit is there again if nothing more is taken.
local function reset_at(window)
  if window.last then
    return leaves_at(window, window.last)
  elseif window.older == 0 then
    return leaves_at(window, window.current)
  end
  return now
end

local life, due, states = nil, 0, {}
for _, window in ipairs(windows) do
  local left = math.max(0, (window.bucket + 1) * window.length - now)
  life = math.min(life or left, left)
  if amount < cost then
    due = math.max(due, due_at(window) - now)
  end
  states[#states + 1] = window.room - amount
  states[#states + 1] = reset_at(window)
  states[#states + 1] = window.bucket
end
return { now, amount, life, due, unpack(states) }
