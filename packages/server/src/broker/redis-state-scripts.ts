import { type RedisScript, script } from './redis-scripts.ts';

/** The scripts of what is no stream. */
export interface StateScripts {
  readonly addPresence: RedisScript;
  readonly removePresence: RedisScript;
  readonly presence: RedisScript;
  readonly addJoin: RedisScript;
  readonly revoke: RedisScript;
}

// Redis' own clock counts: those of the nodes need not agree.
const now = `
local time = redis.call('TIME')
local nowUs = time[1] * 1000000 + time[2]
local nowMs = math.floor(nowUs / 1000)`;

// KEYS: who is present, until when. ARGV: client, info, ttl
// Whoever is named again keeps the moment of coming.
const addPresence = `${now}
local ttlMs = tonumber(ARGV[3])
for _, client in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', nowMs, 'LIMIT', 0, 100)) do
  redis.call('HDEL', KEYS[1], client)
  redis.call('ZREM', KEYS[2], client)
end
local before = redis.call('HGET', KEYS[1], ARGV[1])
local cameUs = before and string.match(before, '^(%d+):') or string.format('%.0f', nowUs)
redis.call('HSET', KEYS[1], ARGV[1], cameUs .. ':' .. ARGV[2])
redis.call('ZADD', KEYS[2], nowMs + ttlMs, ARGV[1])
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < ttlMs then redis.call('PEXPIRE', key, ttlMs) end
end`;

// KEYS: who is present, until when. ARGV: client
const removePresence = `
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])`;

// KEYS: who is present, until when
const presence = `${now}
local found = {}
local clients = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. nowMs, '+inf')
for first = 1, #clients, 1000 do
  local last = math.min(first + 999, #clients)
  for _, info in ipairs(redis.call('HMGET', KEYS[1], unpack(clients, first, last))) do
    if info then found[#found + 1] = info end
  end
end
return found`;

// KEYS: joins. ARGV: room. One that was made before keeps its place.
const addJoin = `${now}
redis.call('ZADD', KEYS[1], 'NX', string.format('%.0f', nowUs), ARGV[1])`;

// KEYS: revoked. ARGV: moment, ttl
const revoke = `
local at, ttlMs = tonumber(ARGV[1]), tonumber(ARGV[2])
local before = tonumber(redis.call('GET', KEYS[1]) or nil)
if before and before > at then at = before end
ttlMs = math.max(ttlMs, redis.call('PTTL', KEYS[1]))
redis.call('SET', KEYS[1], string.format('%.0f', at), 'PX', string.format('%.0f', ttlMs))`;

/** What is kept of users and channels, besides streams. */
export const stateScripts: StateScripts = {
  addPresence: script(addPresence),
  removePresence: script(removePresence),
  presence: script(presence),
  addJoin: script(addJoin),
  revoke: script(revoke),
};
