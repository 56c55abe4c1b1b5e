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
export function subscribeReply(id: number, channel: string, result: SubscribeResult): Line {
  return new Line(`{"id":${id},"subscribe":${subscribeBody(result)}}`, { channel });
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
export function presenceReply(id: number, channel: string, infos: readonly ClientInfo[]): Line {
  const clients = infos.map((info) => `${JSON.stringify(info.client)}:${clientInfoBody(info)}`);
  return reply(id, 'presence', [`"presence":{${clients.join(',')}}`], channel);
}

/** The reply with how many are in a room. */
export function presenceStatsReply(
  id: number,
  { clients, users }: { clients: number; users: number },
): Line {
  return reply(id, 'presence_stats', [`"num_clients":${clients},"num_users":${users}`]);
}

/** The reply with a piece of a channel's past. */
export function historyReply(
  id: number,
  channel: string,
  { publications, top }: HistoryResult,
): Line {
  const fields = [
    `"publications":[${publications.join(',')}]`,
    `"epoch":${JSON.stringify(top.epoch)},"offset":${top.offset}`,
  ];
  return reply(id, 'history', fields, channel);
}

/** The reply to an rpc; `undefined` is no data. `channel`: whose content it is, if it is a channel's. */
export function rpcReply(id: number, data: unknown, channel?: string): Line {
  const text = JSON.stringify(data) as string | undefined;
  return reply(id, 'rpc', text === undefined ? [] : [`"data":${text}`], channel);
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

/** How one push names its channel: by its number, if it says so. */
export type PushNames = Pick<ChannelNames, 'wireName'> & Partial<ChannelNames>;

/** A publication as it is pushed to every subscriber of a channel: encoded once. */
export function publicationPush(
  names: ChannelNames,
  publication: Publication,
  isCompact: boolean,
): Line {
  const { wireName, number } = names;
  const { conflationKey: key, offset } = publication;
  // By its number in both forms: a room may be called like another's number.
  // Of those with a place in the stream none gives way to one without.
  const conflationKey = key === undefined ? undefined : `${number}${offset > 0 ? ' ' : '~'}${key}`;
  const body = publicationBody(publication);
  return channelPush(isCompact ? names : { wireName }, 'pub', body, conflationKey);
}

/** Tells subscribers who came or went: encoded once. */
export function presenceChangePush(names: PushNames, { kind, info }: PresenceChange): Line {
  return channelPush(names, kind, `{"info":${clientInfoBody(info)}}`);
}

/** Announces a server-side subscription that was made after the connect. */
export function subscribePush(wireName: string, result: SubscribeResult): Line {
  return channelPush({ wireName }, 'subscribe', subscribeBody(result));
}

/** Tells a client that the server ended its subscription. */
export function unsubscribePush(wireName: string, { code, reason }: Unsubscribed): Line {
  const body = JSON.stringify({ code, reason });
  return new Line(pushText({ wireName }, 'unsubscribe', body)); // of no content: it is never purged
}

/** The server's word to one connection, on no channel. `data` is JSON text on one line. */
export function messagePush(data: string): Line {
  return new Line(`{"push":{"message":{"data":${data}}}}`);
}

/** Tells a client how long its connection lives now; `null`: until somebody ends it. */
export function refreshPush(expiry: Expiry | null): Line {
  return new Line(`{"push":{"refresh":{${expiryFields(expiry).join(',')}}}}`);
}

/** A push of a channel's content. `body` is JSON text. */
export function channelPush(
  names: PushNames,
  kind: string,
  body: string,
  conflationKey?: string,
): Line {
  return new Line(pushText(names, kind, body), { conflationKey, channel: names.wireName });
}

/** Says why a connection ends where the transport itself cannot. */
export function disconnectPush({ code, reason }: Disconnect): Line {
  return new Line(`{"push":{"disconnect":${JSON.stringify({ code, reason })}}}`);
}

function pushText({ wireName, number }: PushNames, kind: string, body: string): string {
  const name = number === undefined ? `"channel":${JSON.stringify(wireName)}` : `"id":${number}`;
  return `{"push":{${name},"${kind}":${body}}}`;
}

function reply(id: number, method: string, fields: readonly string[], channel?: string): Line {
  return new Line(`{"id":${id},"${method}":{${fields.join(',')}}}`, { channel });
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
