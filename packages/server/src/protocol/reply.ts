// What the server says: replies to commands, and pushes. Payloads pass through as the exact text that
// was published. A field that is zero, empty or false is left out (protocol, section 3).

import type { ClientInfo, PresenceChange, Publication, StreamPosition } from '../broker/broker.ts';
import type { Disconnect, ProtocolError, Unsubscribed } from '../errors.ts';
import { clientInfoBody } from './client-info.ts';
import { Line } from './line.ts';

/** The server's ping; the client answers with the same line. */
export function ping(): Line {
  return new Line('{}');
}

/** How long something still lives, for a client that must refresh it before. */
export interface Expiry {
  readonly ttlSeconds: number;
}

/** What a connect answers with (protocol, section 6.1). */
export interface ConnectResult {
  readonly client: string;
  readonly pingSeconds: number;
  readonly data: unknown;
  /** Server-side subscriptions by wire name. */
  readonly subs: ReadonlyMap<string, SubscribeResult>;
  /** Absent when the client has nothing to refresh. */
  readonly expiry: Expiry | null;
  /** Where commands go that cannot come on the connection itself. */
  readonly emulation: { readonly session: string; readonly node: string } | null;
}

/** What a subscription answers with (protocol, section 6.2). */
export interface SubscribeResult {
  /** Absent when the channel keeps no history. */
  readonly position?: StreamPosition;
  readonly wasRecovering?: boolean;
  readonly recovered?: boolean;
  /** As they stand in the reply. */
  readonly publications?: readonly string[];
  /** Publications come as text or deltas from here on. */
  readonly isDelta?: boolean;
  /** What the channel is called in pushes from here on; absent: by its name. */
  readonly number?: number;
  readonly expiry?: Expiry | null;
}

/** What a history answers with; `top` is the stream's, not the last publication's. */
export interface HistoryResult {
  /** As they stand in the reply. */
  readonly publications: readonly string[];
  readonly top: StreamPosition;
}

/** The reply that ends a successful connect. */
export function connectReply(id: number, result: ConnectResult): Line {
  const subs = [...result.subs].map(
    ([name, subscribed]) => `${JSON.stringify(name)}:${subscribeBody(subscribed)}`,
  );
  const fields = [
    `"client":${JSON.stringify(result.client)}`,
    `"version":"trunkline"`,
    ...expiryFields(result.expiry),
    `"data":${JSON.stringify(result.data)}`,
    ...(subs.length > 0 ? [`"subs":{${subs.join(',')}}`] : []),
    `"ping":${result.pingSeconds},"pong":true`,
    ...(result.emulation ? [JSON.stringify(result.emulation).slice(1, -1)] : []),
  ];
  return reply(id, 'connect', fields);
}

/** The reply that ends a successful subscribe. */
export function subscribeReply(id: number, result: SubscribeResult): Line {
  return new Line(`{"id":${id},"subscribe":${subscribeBody(result)}}`);
}

/** The reply to an unsubscribe: it always succeeds. */
export function unsubscribeReply(id: number): Line {
  return reply(id, 'unsubscribe', []);
}

/** The reply to a publish that was taken. */
export function publishReply(id: number): Line {
  return reply(id, 'publish', []);
}

/** The reply with who is in a room. */
export function presenceReply(id: number, infos: readonly ClientInfo[]): Line {
  const clients = infos.map((info) => `${JSON.stringify(info.client)}:${clientInfoBody(info)}`);
  return reply(id, 'presence', [`"presence":{${clients.join(',')}}`]);
}

/** The reply with how many are in a room. */
export function presenceStatsReply(
  id: number,
  { clients, users }: { clients: number; users: number },
): Line {
  return reply(id, 'presence_stats', [`"num_clients":${clients},"num_users":${users}`]);
}

/** The reply with a piece of a channel's past. */
export function historyReply(id: number, { publications, top }: HistoryResult): Line {
  return reply(id, 'history', [
    `"publications":[${publications.join(',')}]`,
    `"epoch":${JSON.stringify(top.epoch)},"offset":${top.offset}`,
  ]);
}

/** The reply to an rpc; `undefined` is no data. */
export function rpcReply(id: number, data: unknown): Line {
  const text = JSON.stringify(data) as string | undefined;
  return reply(id, 'rpc', text === undefined ? [] : [`"data":${text}`]);
}

/** The reply to a refresh of the connection. */
export function refreshReply(id: number, client: string, expiry: Expiry | null): Line {
  return reply(id, 'refresh', [
    `"client":${JSON.stringify(client)},"version":"trunkline"`,
    ...expiryFields(expiry),
  ]);
}

/** The reply to a refresh of a subscription. */
export function subRefreshReply(id: number, expiry: Expiry | null): Line {
  return reply(id, 'sub_refresh', expiryFields(expiry));
}

/** The reply to a command that failed. */
export function errorReply(id: number, error: ProtocolError): Line {
  const { code, message, temporary } = error;
  const body = JSON.stringify({ code, message, ...(temporary ? { temporary } : {}) });
  return new Line(`{"id":${id},"error":${body}}`);
}

/** What a channel is called in pushes. */
export interface ChannelNames {
  readonly wireName: string;
  /** Stands for the name where that was agreed on; no two channels of a node have the same. */
  readonly number: number;
}

/** A publication as it is pushed to every subscriber of a channel: encoded once. */
export function publicationPush(
  { wireName, number }: ChannelNames,
  publication: Publication,
  isCompact: boolean,
): Line {
  const { conflationKey: key } = publication;
  // By its number in both forms: a room may be called like another's number.
  const conflationKey = key === undefined ? undefined : `${number} ${key}`;
  return channelPush(
    isCompact ? number : wireName,
    'pub',
    publicationBody(publication),
    conflationKey,
  );
}

/** Tells subscribers who came or went: encoded once. */
export function presenceChangePush(name: string | number, { kind, info }: PresenceChange): Line {
  return channelPush(name, kind, `{"info":${clientInfoBody(info)}}`);
}

/** Announces a server-side subscription that was made after the connect. */
export function subscribePush(wireName: string, result: SubscribeResult): Line {
  return channelPush(wireName, 'subscribe', subscribeBody(result));
}

/** Tells a client that the server ended its subscription. */
export function unsubscribePush(wireName: string, { code, reason }: Unsubscribed): Line {
  return channelPush(wireName, 'unsubscribe', JSON.stringify({ code, reason }));
}

/** The server's word to one connection, on no channel. `data` is JSON text on one line. */
export function messagePush(data: string): Line {
  return new Line(`{"push":{"message":{"data":${data}}}}`);
}

/** Tells a client how long its connection lives now; `null`: until somebody ends it. */
export function refreshPush(expiry: Expiry | null): Line {
  return new Line(`{"push":{"refresh":{${expiryFields(expiry).join(',')}}}}`);
}

/** A push on a channel, by its name or by the number that stands for it. `body` is JSON text. */
export function channelPush(
  name: string | number,
  kind: string,
  body: string,
  conflationKey?: string,
): Line {
  const channel = typeof name === 'number' ? `"id":${name}` : `"channel":${JSON.stringify(name)}`;
  return new Line(`{"push":{${channel},"${kind}":${body}}}`, conflationKey);
}

/** Says why a connection ends where the transport itself cannot. */
export function disconnectPush({ code, reason }: Disconnect): Line {
  return new Line(`{"push":{"disconnect":${JSON.stringify({ code, reason })}}}`);
}

function reply(id: number, method: string, fields: readonly string[]): Line {
  return new Line(`{"id":${id},"${method}":{${fields.join(',')}}}`);
}

function expiryFields(expiry: Expiry | null | undefined): string[] {
  return expiry ? [`"expires":true,"ttl":${expiry.ttlSeconds}`] : [];
}

// A recovered reply announces the position asked from: the client walks forward with each
// publication. Any other announces the top (protocol, section 11.4).
function subscribeBody(result: SubscribeResult): string {
  const { position, wasRecovering, recovered, publications = [], isDelta, number } = result;
  const fields: string[] = expiryFields(result.expiry);
  if (position) {
    fields.push(`"recoverable":true,"positioned":true,"epoch":${JSON.stringify(position.epoch)}`);
    if (position.offset > 0) fields.push(`"offset":${position.offset}`);
  }
  if (wasRecovering) fields.push('"was_recovering":true');
  if (recovered) fields.push('"recovered":true');
  if (publications.length > 0) {
    fields.push(`"publications":[${publications.join(',')}]`);
  }
  if (isDelta) fields.push('"delta":true');
  if (number !== undefined) fields.push(`"id":${number}`);
  return `{${fields.join(',')}}`;
}

/** A publication as it stands in a push or among those of a reply. */
export function publicationBody({ data, offset, info }: Publication): string {
  const from = info ? `,"info":${clientInfoBody(info)}` : '';
  const place = offset > 0 ? `,"offset":${offset}` : '';
  return `{"data":${data}${from}${place}}`;
}

/** The same for a subscription with deltas: its payload is text, which the next one builds on. */
export function textBody(publication: Publication): string {
  return publicationBody({ ...publication, data: JSON.stringify(publication.data) });
}

/** A publication as what turns the one before it into it. */
export function deltaBody(publication: Publication, delta: string): string {
  return publicationBody({ ...publication, data: `${JSON.stringify(delta)},"delta":true` });
}
