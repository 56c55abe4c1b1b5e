// What clients say, in the JSON form of the Centrifuge client protocol: frames of lines, read into
// commands. A payload that is passed on (`publish`) stays the exact text that came.

import type { LimitName } from '../counters.ts';
import { disconnects, type ProtocolError, protocolErrors } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { hasForbiddenKey, isDeeper, memberText } from './json.ts';

/** Where a client stands in a channel and asks to go on from. */
export interface RecoverRequest {
  readonly offset: number;
  /** `''` accepts any epoch. */
  readonly epoch: string;
}

/** A client's `connect` (protocol, section 6.1). */
export interface ConnectRequest {
  readonly token?: string;
  readonly data?: unknown;
  /** Positions of server-side subscriptions by wire name; only the server's own channels count. */
  readonly subs: ReadonlyMap<string, RecoverRequest>;
}

/** A client's `subscribe` (protocol, section 6.2). */
export interface SubscribeRequest {
  readonly channel: string;
  readonly token?: string;
  readonly data?: unknown;
  readonly recover?: RecoverRequest;
  /** Answer 112 instead of subscribing when recovery fails. */
  readonly rejectUnrecovered: boolean;
  /** Wishes to hear who comes and goes. */
  readonly joinLeave: boolean;
  /** Can have pushes by the channel's number (protocol, section 16). */
  readonly isCompact: boolean;
  /** Wishes for what changed instead of whole payloads (protocol, section 15). */
  readonly isDelta: boolean;
}

/** A client's `publish` (protocol, section 6.4). */
export interface PublishRequest {
  readonly channel: string;
  /** The JSON text as it came; absent when there is none. */
  readonly data?: string;
}

/** A client's `history` (protocol, section 6.6). */
export interface HistoryRequest {
  readonly channel: string;
  /** Publications at most; 0 asks for the top alone, a negative number for all. */
  readonly limit: number;
  /** Exclusive. */
  readonly since?: RecoverRequest;
  /** Newest first. */
  readonly reverse: boolean;
}

/** A client's `rpc` (protocol, section 6.7). */
export interface RpcRequest {
  readonly method: string;
  readonly data?: unknown;
}

/** A client's `sub_refresh` (protocol, section 6.9). */
export interface SubRefreshRequest {
  readonly channel: string;
  readonly token: string;
}

/** One line from a client. */
export type Command =
  | { readonly method: 'pong' }
  | { readonly method: 'send'; readonly data: unknown }
  | { readonly method: 'connect'; readonly id: number; readonly request: ConnectRequest }
  | { readonly method: 'subscribe'; readonly id: number; readonly request: SubscribeRequest }
  | { readonly method: 'unsubscribe'; readonly id: number; readonly channel: string }
  | { readonly method: 'publish'; readonly id: number; readonly request: PublishRequest }
  | { readonly method: 'presence'; readonly id: number; readonly channel: string }
  | { readonly method: 'presence_stats'; readonly id: number; readonly channel: string }
  | { readonly method: 'history'; readonly id: number; readonly request: HistoryRequest }
  | { readonly method: 'rpc'; readonly id: number; readonly request: RpcRequest }
  | { readonly method: 'refresh'; readonly id: number; readonly token: string }
  | { readonly method: 'sub_refresh'; readonly id: number; readonly request: SubRefreshRequest }
  /** Well-formed, but a wish that this server answers with an error. */
  | { readonly method: 'refused'; readonly id: number; readonly error: ProtocolError };

/** A command and the length of its text: parsed it is many times larger. */
export interface SizedCommand {
  readonly command: Command;
  readonly size: number;
}

/** How much a frame may hold, and whom to tell when it holds more. */
export interface FrameLimits {
  readonly limits: Pick<Limits, 'maxCommandsPerFrame' | 'maxJsonDepth'>;
  readonly onExceeded: (limit: LimitName) => void;
}

// In the order in which the protocol picks one when an object has several (section 3).
const METHODS = [
  'connect',
  'subscribe',
  'unsubscribe',
  'publish',
  'presence',
  'presence_stats',
  'history',
  'rpc',
  'send',
  'refresh',
  'sub_refresh',
  'ping',
] as const;

const MAX_ID = 2 ** 32 - 1;
/** Bits of a subscribe's `flag`. */
const ACCEPTS_NUMBERS = 1;
const REJECT_UNRECOVERED = 2;

/** Reads one frame. Throws `Disconnect` 3501 for anything that is no list of commands. */
export function decodeFrame(frame: string, frameLimits: FrameLimits): SizedCommand[] {
  const { limits, onExceeded } = frameLimits;
  // One more than may be is enough to know: the rest of a hostile frame is not even cut.
  const lines = frame.split('\n', limits.maxCommandsPerFrame + 2);
  if (lines.length > 1 && lines.at(-1) === '') lines.pop();
  if (lines.length > limits.maxCommandsPerFrame) {
    onExceeded('maxCommandsPerFrame');
    throw disconnects.badRequest;
  }
  return lines.map((text) => ({ command: decodeCommand(text, frameLimits), size: text.length }));
}

function decodeCommand(text: string, { limits, onExceeded }: FrameLimits): Command {
  if (isDeeper(text, limits.maxJsonDepth)) {
    onExceeded('maxJsonDepth');
    throw disconnects.badRequest;
  }
  const command = asObject(parseJson(text));
  const method = METHODS.find((name) => isPresent(command, name));
  if (!method) return decodePong(command);
  const request = asObject(command[method]);
  if (hasForbiddenKey(command, text, request['subs'])) throw disconnects.badRequest;
  if (method === 'send') return { method, data: request['data'] };
  const id = readId(command['id']);
  switch (method) {
    case 'connect':
      return { method, id, request: decodeConnect(request) };
    case 'subscribe':
      return decodeSubscribe(id, request);
    case 'unsubscribe':
    case 'presence':
    case 'presence_stats':
      return { method, id, channel: readChannel(request) };
    case 'publish':
      return decodePublish(id, request, text);
    case 'history':
      return { method, id, request: decodeHistory(request) };
    case 'rpc':
      return { method, id, request: decodeRpc(request) };
    case 'refresh':
      return { method, id, token: readString(request, 'token') ?? '' };
    case 'sub_refresh':
      return { method, id, request: decodeSubRefresh(request) };
    case 'ping':
      return { method: 'refused', id, error: protocolErrors.notAvailable };
  }
}

function decodePong(command: Fields): Command {
  if (command['id'] !== undefined) throw disconnects.badRequest;
  return { method: 'pong' };
}

function decodeConnect(request: Fields): ConnectRequest {
  const subs = new Map<string, RecoverRequest>();
  for (const [channel, value] of Object.entries(asObject(request['subs'] ?? {}))) {
    const recover = decodeRecover(asObject(value));
    if (recover) subs.set(channel, recover);
  }
  for (const name of ['name', 'version']) readString(request, name);
  return { subs, ...readTokenAndData(request) };
}

function decodeSubscribe(id: number, request: Fields): Command {
  for (const wish of ['positioned', 'recoverable']) readBoolean(request, wish);
  const decoded = readSubscribe(request);
  // Maps and shared polls are other kinds of subscription; a filter that is ignored would leak.
  if (readUint(request, 'type') !== 0) {
    return { method: 'refused', id, error: protocolErrors.notAvailable };
  }
  if (isPresent(request, 'tf')) return { method: 'refused', id, error: protocolErrors.badRequest };
  return { method: 'subscribe', id, request: decoded };
}

function readSubscribe(request: Fields): SubscribeRequest {
  const recover = decodeRecover(request);
  const flag = readUint(request, 'flag');
  return {
    channel: readChannel(request),
    rejectUnrecovered: (flag & REJECT_UNRECOVERED) !== 0,
    joinLeave: readBoolean(request, 'join_leave'),
    isCompact: (flag & ACCEPTS_NUMBERS) !== 0,
    isDelta: readDelta(request),
    ...readTokenAndData(request),
    ...(recover ? { recover } : {}),
  };
}

function decodeRecover(request: Fields): RecoverRequest | null {
  readDelta(request);
  const position = readPosition(request);
  return readBoolean(request, 'recover') ? position : null;
}

/** Is the one kind of delta that there is asked for? */
function readDelta(request: Fields): boolean {
  const delta = readString(request, 'delta') ?? '';
  if (delta !== '' && delta !== 'fossil') throw disconnects.badRequest;
  return delta === 'fossil';
}

function decodePublish(id: number, request: Fields, text: string): Command {
  const channel = readChannel(request);
  const isMap = readUint(request, 'type') !== 0 || readBoolean(request, 'removed');
  if (isMap || readString(request, 'key')) {
    return { method: 'refused', id, error: protocolErrors.notAvailable };
  }
  const payload = memberText(memberText(text, 'publish') ?? '{}', 'data');
  // Mere space in JSON, but an end of line to receivers of server-sent events.
  const data = payload?.replaceAll('\r', ' ');
  return { method: 'publish', id, request: { channel, ...(data === undefined ? {} : { data }) } };
}

function decodeHistory(request: Fields): HistoryRequest {
  const limit = read(request, 'limit', Number.isSafeInteger) as number | undefined;
  return {
    channel: readChannel(request),
    limit: limit ?? 0,
    reverse: readBoolean(request, 'reverse'),
    ...(isPresent(request, 'since') ? { since: readPosition(asObject(request['since'])) } : {}),
  };
}

function decodeRpc(request: Fields): RpcRequest {
  const { data } = request;
  const method = readString(request, 'method') ?? '';
  return { method, ...(data === undefined ? {} : { data }) };
}

function decodeSubRefresh(request: Fields): SubRefreshRequest {
  return { channel: readChannel(request), token: readString(request, 'token') ?? '' };
}

function readPosition(fields: Fields): RecoverRequest {
  return { offset: readUint(fields, 'offset'), epoch: readString(fields, 'epoch') ?? '' };
}

function readTokenAndData(request: Fields): { token?: string; data?: unknown } {
  const token = readString(request, 'token');
  const { data } = request;
  return {
    ...(token === undefined || token === '' ? {} : { token }),
    ...(data === undefined ? {} : { data }),
  };
}

type Fields = Record<string, unknown>;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw disconnects.badRequest;
  }
}

function asObject(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw disconnects.badRequest;
  }
  return value as Fields;
}

function readId(id: unknown): number {
  if (!Number.isInteger(id) || (id as number) < 1 || (id as number) > MAX_ID) {
    throw disconnects.badRequest;
  }
  return id as number;
}

function readChannel(request: Fields): string {
  const channel = readString(request, 'channel');
  if (!channel) throw disconnects.badRequest;
  return channel;
}

function readString(fields: Fields, name: string): string | undefined {
  return read(fields, name, (value) => typeof value === 'string') as string | undefined;
}

function readBoolean(fields: Fields, name: string): boolean {
  return (
    (read(fields, name, (value) => typeof value === 'boolean') as boolean | undefined) ?? false
  );
}

function readUint(fields: Fields, name: string): number {
  const isUint = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  return (read(fields, name, isUint) as number | undefined) ?? 0;
}

function read(fields: Fields, name: string, is: (value: unknown) => boolean): unknown {
  if (!isPresent(fields, name)) return undefined;
  if (!is(fields[name])) throw disconnects.badRequest;
  return fields[name];
}

/** `null` says as little as nothing. */
function isPresent(fields: Fields, name: string): boolean {
  return Object.hasOwn(fields, name) && fields[name] !== null;
}
