// The JSON form of the Centrifuge client protocol: frames of lines, read into commands and written
// from replies and pushes. Payloads (`data`) pass through as the exact text that was published.

import type { Publication, StreamPosition } from './broker/broker.ts';
import { disconnects, type ProtocolError, protocolErrors, type Unsubscribed } from './errors.ts';

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
}

/** One line from a client. */
export type Command =
  | { readonly method: 'pong' }
  | { readonly method: 'send' }
  | { readonly method: 'connect'; readonly id: number; readonly request: ConnectRequest }
  | { readonly method: 'subscribe'; readonly id: number; readonly request: SubscribeRequest }
  | { readonly method: 'unsubscribe'; readonly id: number; readonly channel: string }
  /** Well-formed, but a wish that this server answers with an error. */
  | { readonly method: 'refused'; readonly id: number; readonly error: ProtocolError };

/** A command and the length of its text: parsed it is many times larger. */
export interface SizedCommand {
  readonly command: Command;
  readonly size: number;
}

/** What a subscription answers with (protocol, section 6.2). */
export interface SubscribeResult {
  /** Absent when the channel keeps no history. */
  readonly position?: StreamPosition;
  readonly wasRecovering?: boolean;
  readonly recovered?: boolean;
  readonly publications?: readonly Publication[];
}

/** A line on its way out, with its size counted once for all its receivers. */
export interface Line {
  readonly text: string;
  /** UTF-8 bytes. */
  readonly bytes: number;
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
const REJECT_UNRECOVERED = 2;

/** The server's ping; the client answers with the same line. */
export const PING: Line = line('{}');

/** Makes a line from its text. */
function line(text: string): Line {
  return { text, bytes: Buffer.byteLength(text) };
}

/** Reads one frame. Throws `Disconnect` 3501 for anything that is no list of commands. */
export function decodeFrame(frame: string): SizedCommand[] {
  const lines = frame.split('\n');
  if (lines.length > 1 && lines.at(-1) === '') lines.pop();
  return lines.map((text) => ({ command: decodeCommand(text), size: text.length }));
}

function decodeCommand(text: string): Command {
  const command = asObject(parseJson(text));
  const method = METHODS.find((name) => isPresent(command, name));
  if (!method) return decodePong(command);
  const request = asObject(command[method]);
  if (method === 'send') return { method };
  const id = readId(command['id']);
  switch (method) {
    case 'connect':
      return { method, id, request: decodeConnect(request) };
    case 'subscribe':
      return decodeSubscribe(id, request);
    case 'unsubscribe':
      return { method, id, channel: readChannel(request) };
    case 'publish':
    case 'presence':
    case 'presence_stats':
    case 'history':
    case 'sub_refresh':
      readChannel(request);
      return { method: 'refused', id, error: protocolErrors.notAvailable };
    default:
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
  const token = readString(request, 'token');
  const { data } = request;
  for (const name of ['name', 'version']) readString(request, name);
  return {
    subs,
    ...(token === undefined ? {} : { token }),
    ...(data === undefined ? {} : { data }),
  };
}

function decodeSubscribe(id: number, request: Fields): Command {
  for (const wish of ['positioned', 'recoverable', 'join_leave']) readBoolean(request, wish);
  const decoded = readSubscribe(request);
  // Maps and shared polls are other kinds of subscription; a filter that is ignored would leak.
  if (readUint(request, 'type') !== 0) {
    return { method: 'refused', id, error: protocolErrors.notAvailable };
  }
  if (isPresent(request, 'tf')) return { method: 'refused', id, error: protocolErrors.badRequest };
  return { method: 'subscribe', id, request: decoded };
}

function readSubscribe(request: Fields): SubscribeRequest {
  const token = readString(request, 'token');
  const recover = decodeRecover(request);
  const { data } = request;
  return {
    channel: readChannel(request),
    rejectUnrecovered: (readUint(request, 'flag') & REJECT_UNRECOVERED) !== 0,
    ...(token === undefined ? {} : { token }),
    ...(data === undefined ? {} : { data }),
    ...(recover ? { recover } : {}),
  };
}

function decodeRecover(request: Fields): RecoverRequest | null {
  const delta = readString(request, 'delta') ?? '';
  if (delta !== '' && delta !== 'fossil') throw disconnects.badRequest;
  const position = {
    offset: readUint(request, 'offset'),
    epoch: readString(request, 'epoch') ?? '',
  };
  return readBoolean(request, 'recover') ? position : null;
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

/** The reply that ends a successful connect. `data` is the app's; `subs` by wire name. */
export function connectReply(
  id: number,
  reply: {
    client: string;
    pingSeconds: number;
    data: unknown;
    subs: ReadonlyMap<string, SubscribeResult>;
  },
): Line {
  const subs = [...reply.subs].map(
    ([name, result]) => `${JSON.stringify(name)}:${subscribeBody(result)}`,
  );
  const fields = [
    `"client":${JSON.stringify(reply.client)}`,
    `"version":"trunkline"`,
    `"data":${JSON.stringify(reply.data)}`,
    ...(subs.length > 0 ? [`"subs":{${subs.join(',')}}`] : []),
    `"ping":${reply.pingSeconds},"pong":true`,
  ];
  return line(`{"id":${id},"connect":{${fields.join(',')}}}`);
}

/** The reply that ends a successful subscribe. */
export function subscribeReply(id: number, result: SubscribeResult): Line {
  return line(`{"id":${id},"subscribe":${subscribeBody(result)}}`);
}

/** The reply to an unsubscribe: it always succeeds. */
export function unsubscribeReply(id: number): Line {
  return line(`{"id":${id},"unsubscribe":{}}`);
}

/** The reply to a command that failed. */
export function errorReply(id: number, error: ProtocolError): Line {
  const { code, message, temporary } = error;
  const body = JSON.stringify({ code, message, ...(temporary ? { temporary } : {}) });
  return line(`{"id":${id},"error":${body}}`);
}

/** A publication as it is pushed to every subscriber of a channel: encoded once. */
export function publicationPush(wireName: string, publication: Publication): Line {
  return line(
    `{"push":{"channel":${JSON.stringify(wireName)},"pub":${publicationBody(publication)}}}`,
  );
}

/** Tells a client that the server ended its subscription. */
export function unsubscribePush(wireName: string, { code, reason }: Unsubscribed): Line {
  return line(JSON.stringify({ push: { channel: wireName, unsubscribe: { code, reason } } }));
}

// A recovered reply announces the position asked from: the client walks forward with each
// publication. Any other announces the top (protocol, section 11.4).
function subscribeBody(result: SubscribeResult): string {
  const { position, wasRecovering, recovered, publications = [] } = result;
  const fields: string[] = [];
  if (position) {
    fields.push(`"recoverable":true,"positioned":true,"epoch":${JSON.stringify(position.epoch)}`);
    if (position.offset > 0) fields.push(`"offset":${position.offset}`);
  }
  if (wasRecovering) fields.push('"was_recovering":true');
  if (recovered) fields.push('"recovered":true');
  if (publications.length > 0) {
    fields.push(`"publications":[${publications.map(publicationBody).join(',')}]`);
  }
  return `{${fields.join(',')}}`;
}

function publicationBody({ data, offset }: Publication): string {
  return offset > 0 ? `{"data":${data},"offset":${offset}}` : `{"data":${data}}`;
}
