import { createHash } from 'node:crypto';

/** A script that runs inside Redis, as one step. */
export interface RedisScript {
  readonly text: string;
  readonly sha: string;
}

/** How the scripts differ from one broker to another. */
export interface ScriptOptions {
  readonly isFenced: boolean;
  readonly isSharded: boolean;
}

/** The scripts of the streams. */
export interface StreamScripts {
  /** Adds a publication and announces it. */
  readonly publish: RedisScript;
  /** Announces what is not kept, if that was not done before. */
  readonly announceOnce: RedisScript;
  readonly history: RedisScript;
  readonly tops: RedisScript;
  /** Writes something that replicas can be asked about. */
  readonly mark: RedisScript;
}

/** Makes a script of its text. */
export function script(text: string): RedisScript {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/** Makes the scripts of the streams. */
export function streamScripts({ isFenced, isSharded }: ScriptOptions): StreamScripts {
  const fence = isFenced ? readReplid : "local replid = ''";
  const isSame = isFenced ? 'and kept[4] == replid' : '';
  const read = `${fence}\n${stream(isSame)}`;
  const announce = isSharded ? 'SPUBLISH' : 'PUBLISH';
  return {
    publish: script(`${read}\n${publish(announce)}`),
    announceOnce: script(announceOnce(announce)),
    history: script(`${read}\n${history}`),
    tops: script(`${fence}\n${tops(isSame)}`),
    mark: script(`${fence}\n${mark}`),
  };
}

// Which history of data this Redis has: it changes with every restart and every promotion.
const readReplid = `
local info = redis.pcall('INFO', 'replication')
if type(info) == 'table' then return redis.error_reply('NOFENCE ' .. info.err) end
local replid = string.match(info, 'master_replid:(%x+)')
if not replid then return redis.error_reply('NOFENCE INFO replication names no master_replid') end`;

// Whoever has written them there: an epoch is letters, a top is a number that a double can hold.
const position = `
local epoch = kept[1] and string.match(kept[1], '^%a+$')
local top = kept[2] and #kept[2] <= 15 and tonumber(string.match(kept[2], '^%d+$'))`;

// What both the publishing and the reading of a stream begin with. A stream of which anything is
// missing, or that another history of data has written, begins a new life.
const stream = (isSame: string) => `
local metaKey, streamKey = KEYS[1], KEYS[2]
local kept = redis.call('HMGET', metaKey, 'epoch', 'top', 'bytes', 'replid')
${position}
local isAlive = epoch and top ${isSame}
local function begin(newEpoch, newTop, bytes)
  redis.call('XLEN', streamKey) -- fails where the key is somebody else's: nothing is written yet
  redis.call('HSET', metaKey, 'epoch', newEpoch, 'top', newTop, 'bytes', bytes, 'replid', replid)
  redis.call('DEL', streamKey)
  epoch, top = newEpoch, newTop
end
local function stay(ttlMs)
  if redis.call('PTTL', metaKey) < ttlMs * 0.9 then redis.call('PEXPIRE', metaKey, ttlMs) end
end`;

// KEYS: meta, stream, idempotency key
// ARGV: payload, its bytes, epoch of a new life, size, ttl, bytes that are kept, ttl of the meta,
// announcements, ttl of the idempotency key
// The announcements are no key: a slot that moves refuses who names one that it does not have.
// The first command that writes is one that Redis refuses when it is full or a replica: whatever it
// refuses has changed nothing.
const publish = (announce: string) => `
local payload, bytes, newEpoch = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local size, ttlMs, maxBytes, metaTtlMs = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])

if KEYS[3] then
  local earlier = redis.call('GET', KEYS[3])
  if earlier then
    local ofEpoch, offset = string.match(earlier, '^(%a*):(%d+)$')
    if ofEpoch == '' or (isAlive and ofEpoch == epoch) then
      return { ofEpoch, tonumber(offset), replid, 1 }
    end
  end
end

${trim}
local isKept = bytes <= maxBytes and size >= 1
local total = 0
if isAlive then
  if isKept then
    local added = redis.pcall('XADD', streamKey, (top + 1) .. '-0', 'item', payload)
    if type(added) == 'table' then
      -- The stream is further than its meta says: they are not of one life.
      if not string.find(added.err, 'equal or smaller', 1, true) then return added end
      isAlive = false
    else
      top = top + 1
      total = trim(bytes + (tonumber(kept[3]) or 0))
      redis.call('HSET', metaKey, 'top', top, 'bytes', total)
    end
  else
    top = top + 1
    redis.call('XLEN', streamKey) -- as above
    redis.call('HSET', metaKey, 'top', top, 'bytes', 0)
    redis.call('DEL', streamKey)
  end
end
if not isAlive then
  begin(newEpoch, 1, isKept and bytes or 0)
  if isKept then redis.call('XADD', streamKey, '1-0', 'item', payload) end
end
if isKept then redis.call('PEXPIRE', streamKey, ttlMs) end
stay(metaTtlMs)
if KEYS[3] then redis.call('SET', KEYS[3], epoch .. ':' .. top, 'PX', ARGV[9]) end

-- It is published: where announcing is not allowed, the nodes find it in the stream.
local announced = redis.pcall('${announce}', ARGV[8], '1p' .. top .. ':' .. epoch .. ':' .. payload)
return { epoch, top, replid, type(announced) == 'table' and 0 or 1 }`;

const trim = `local function bytesOf(entry)
  local item = entry[2][2] or ''
  return #item - (string.find(item, '\\n', 1, true) or 0)
end

-- Takes the oldest away until what is left is within the limits.
local function trim(total)
  local length = redis.call('XLEN', streamKey)
  if length == 1 then return bytes end
  local from = '-'
  while length > 1 and (length > size or total > maxBytes) do
    local oldest = redis.call('XRANGE', streamKey, from, '+', 'COUNT', math.max(1, length - size))
    for _, entry in ipairs(oldest) do
      if length == 1 or (length <= size and total <= maxBytes) then break end
      length = length - 1
      total = total - bytesOf(entry)
      from = '(' .. entry[1]
    end
  end
  if from ~= '-' then redis.call('XTRIM', streamKey, 'MAXLEN', '=', length) end
  return length == 1 and bytes or total
end`;

// KEYS: idempotency key. ARGV: message, ttl of the key, announcements
const announceOnce = (announce: string) => `
if redis.call('GET', KEYS[1]) then return 0 end
redis.call('SET', KEYS[1], ':0', 'PX', ARGV[2])
local announced = redis.pcall('${announce}', ARGV[3], ARGV[1])
if type(announced) == 'table' then
  redis.call('DEL', KEYS[1])
  return redis.error_reply('NOPERM ' .. announced.err)
end
return 1`;

// KEYS: meta, stream. ARGV: offset or '', epoch of a new life, ttl of the meta
const history = `
if not isAlive then begin(ARGV[2], 0, 0) end
stay(tonumber(ARGV[3]))
local after = tonumber(ARGV[1])
local items = {}
if after and after < top then
  items = redis.call('XRANGE', streamKey, (after + 1) .. '-0', '+')
end
return { epoch, top, items }`;

// KEYS: metas. ARGV: ttl of the metas. Writes nothing: what it has no answer for is asked one by one,
// a key of somebody else among them.
const tops = (isSame: string) => `
local found = {}
for n, metaKey in ipairs(KEYS) do
  local kept = redis.pcall('HMGET', metaKey, 'epoch', 'top', 'bytes', 'replid')
  ${position}
  local isAlive = epoch and top ${isSame}
  local isFresh = isAlive and redis.call('PTTL', metaKey) >= ARGV[1] * 0.9
  found[2 * n - 1] = isFresh and epoch or ''
  found[2 * n] = isFresh and top or 0
end
return found`;

// KEYS: a key. ARGV: its ttl
const mark = `
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return replid`;
