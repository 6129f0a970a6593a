"""What Redis does for budgets, in Lua, each script at once or not at all.

A window is a sorted set of calls, scored with the microsecond by the server's clock, and a hash of what they cost
together, so that no booking looks at more calls than leave the window. A member is LETTER:COST:NAME; the letters are u
for lanes that may use everything, b for backfill, v for verify, o for calls of others, of which the vendor told.
`fits` is the rule of `hub.engine.quota`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Script:
    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        # How Redis names scripts.
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())


_TIME = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function text(number) return string.format('%.0f', number) end
"""

_FITS = """
local function charge(used, letter, cost)
  used.all = used.all + cost
  if letter ~= 'o' then used.own = used.own + cost end
  if letter == 'b' or letter == 'v' then used.patient = used.patient + cost end
  if letter == 'v' then used.verify = used.verify + cost end
end

local function fits(used, most, letter, cost)
  cost = math.min(cost, most.own)
  if used.all + cost > most.all or used.own + cost > most.own then return false end
  if letter == 'u' then return true end
  local patient = math.max(most.patient, cost)
  local lane = letter == 'v' and used.verify or used.patient - used.verify
  if used.patient + cost > patient or lane + cost > math.max(most.lane, cost) then return false end
  local reserved = math.max(0, most.own - patient - (used.own - used.patient))
  return used.all + cost + reserved <= most.all
end

local function room(from)
  return {all = tonumber(ARGV[from]), own = tonumber(ARGV[from + 1]),
          patient = tonumber(ARGV[from + 2]), lane = tonumber(ARGV[from + 3])}
end
"""

_WINDOW = (
    _TIME
    + _FITS
    + """
local function part(member)
  local letter, cost = string.match(member, '^(%a):(%d+):')
  return letter, tonumber(cost)
end

local function keep(log, sums, used, width)
  redis.call('HSET', sums, 'all', used.all, 'own', used.own, 'patient', used.patient, 'verify', used.verify)
  redis.call('PEXPIRE', log, math.ceil(width / 1000) + 1000)
  redis.call('PEXPIRE', sums, math.ceil(width / 1000) + 1000)
end

local function used_of(log, sums, width)
  local past, ahead = text(now - width), '(' .. text(now)
  local held = redis.call('HMGET', sums, 'all', 'own', 'patient', 'verify')
  local used = {all = 0, own = 0, patient = 0, verify = 0}
  if held[1] and redis.call('EXISTS', log) == 1 then
    used = {all = tonumber(held[1]), own = tonumber(held[2]), patient = tonumber(held[3]), verify = tonumber(held[4])}
    local left = redis.call('ZRANGEBYSCORE', log, '-inf', past)
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', log, ahead, '+inf')) do left[#left + 1] = member end
    if #left == 0 then return used end
    for _, member in ipairs(left) do
      local letter, cost = part(member)
      charge(used, letter, -cost)
    end
    redis.call('ZREMRANGEBYSCORE', log, '-inf', past)
    redis.call('ZREMRANGEBYSCORE', log, ahead, '+inf')
  else
    redis.call('ZREMRANGEBYSCORE', log, '-inf', past)
    redis.call('ZREMRANGEBYSCORE', log, ahead, '+inf')
    for _, member in ipairs(redis.call('ZRANGE', log, 0, -1)) do
      local letter, cost = part(member)
      charge(used, letter, cost)
    end
  end
  keep(log, sums, used, width)
  return used
end
"""
)

BOOK = Script(
    _WINDOW
    + """
-- KEYS: rest of the bucket, rest of all buckets, log and sums of each window
-- ARGV: name, cost, letter, then of each window its width and the room for all, own, patient, lane
-- Answers the microseconds to wait; 0: it is booked.
local cost, letter = tonumber(ARGV[2]), ARGV[3]
local wait = math.max(redis.call('PTTL', KEYS[1]), redis.call('PTTL', KEYS[2]), 0) * 1000
local windows = {}
for number = 1, (#KEYS - 2) / 2 do
  local from = 4 + (number - 1) * 5
  local log, sums, width, most = KEYS[1 + number * 2], KEYS[2 + number * 2], tonumber(ARGV[from]), room(from + 1)
  local used = used_of(log, sums, width)
  windows[number] = {log = log, sums = sums, width = width, used = used}
  if not fits(used, most, letter, cost) then
    local later = {all = used.all, own = used.own, patient = used.patient, verify = used.verify}
    local calls = redis.call('ZRANGE', log, 0, -1, 'WITHSCORES')
    local needed = width
    for at = 1, #calls, 2 do
      local whose, of_it = part(calls[at])
      charge(later, whose, -of_it)
      if fits(later, most, letter, cost) then
        needed = tonumber(calls[at + 1]) + width - now
        break
      end
    end
    wait = math.max(wait, needed, 1)
  end
end
if wait > 0 then return text(wait) end
for _, window in ipairs(windows) do
  redis.call('ZADD', window.log, text(now), letter .. ':' .. cost .. ':' .. ARGV[1])
  charge(window.used, letter, cost)
  keep(window.log, window.sums, window.used, window.width)
end
return '0'
"""
)

HEAR = Script(
    _WINDOW
    + """
-- KEYS: log, sums. ARGV: name, used as the vendor says, microseconds since the call left, width
local width = tonumber(ARGV[4])
local used = used_of(KEYS[1], KEYS[2], width)
local others = tonumber(ARGV[2]) - used.all
if others > 0 then
  redis.call('ZADD', KEYS[1], text(now - tonumber(ARGV[3])), 'o:' .. text(others) .. ':' .. ARGV[1])
  charge(used, 'o', others)
  keep(KEYS[1], KEYS[2], used, width)
end
return others
"""
)

LOOK = Script(
    _WINDOW
    + """
-- KEYS: log, sums. ARGV: width
local used = used_of(KEYS[1], KEYS[2], tonumber(ARGV[1]))
return {used.all, used.own, used.patient, used.verify}
"""
)

REST = Script(
    """
-- KEYS: rest. ARGV: milliseconds
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) end
return 1
"""
)

TAKE = Script(
    _TIME
    + _FITS
    + """
-- KEYS: places. ARGV: letter:name, milliseconds, then the room for all, own, patient, lane. Answers 1 when it is taken.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now))
local held = {all = 0, own = 0, patient = 0, verify = 0}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do charge(held, string.sub(member, 1, 1), 1) end
if not fits(held, room(3), string.sub(ARGV[1], 1, 1), 1) then return 0 end
redis.call('ZADD', KEYS[1], text(now + tonumber(ARGV[2]) * 1000), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
)

RENEW = Script(
    _TIME
    + """
-- KEYS: places. ARGV: letter:name, milliseconds
redis.call('ZADD', KEYS[1], text(now + tonumber(ARGV[2]) * 1000), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
)

GIVE = Script(
    """
-- KEYS: places. ARGV: letter:name
return redis.call('ZREM', KEYS[1], ARGV[1])
"""
)
