import { channelKey, PRESENCE_CALL, type Realm, TYPING_CALL } from '@trunkline/contract';
import { type ProtocolError, protocolErrors } from '@trunkline/server';
import { FORBIDDEN_MARKER } from './markers.ts';
import type { Answer } from './peer.ts';
import { ADMINS, type Person, tenantIdOf, vaultOf } from './people.ts';

/** What a client is told that got an error. */
export function refusal({ code, message }: ProtocolError): Answer {
  return JSON.stringify({ error: { code, message } });
}

/** Forbidden and absent are the same. */
export const DENIED = refusal(protocolErrors.permissionDenied);
/** There is a subscription already. */
export const TAKEN = refusal(protocolErrors.alreadySubscribed);
const MALFORMED = refusal(protocolErrors.badRequest);

/** A way to ask for what is another realm's. */
interface Confusion {
  /** What the client writes where a room's name belongs, to get at the victim's room `chat:1`. */
  readonly spell: (victim: Person) => string;
  /** Is it no name at all? */
  readonly isMalformed?: boolean;
}

const roomKey = (realm: Realm) => channelKey({ realm, target: { kind: 'room', room: 'chat:1' } });
const nameOf = ({ realm }: Person) => tenantIdOf(realm) || 'platform';
const malformed = (spell: Confusion['spell']): Confusion => ({ spell, isMalformed: true });

/** Every spelling by which somebody might hope to reach another realm. None of them is let in. */
export const CONFUSIONS: Readonly<Record<string, Confusion>> = {
  "everybody's channel": { spell: () => '@all' },
  "one's own user channel": { spell: () => '@user' },
  "another user's channel": { spell: ({ userId }) => `@user:${userId}` },
  "a role's channel": { spell: () => `@role:${ADMINS}` },
  "the platform's role, as services spell it": { spell: () => `platform:${ADMINS}` },
  "a tenant's role, as services spell it": {
    spell: (victim) => `tenant:${nameOf(victim)}:${ADMINS}`,
  },
  "the platform's prefix alone": { spell: () => 'platform:' },
  "the tenants' prefix with a room": { spell: (victim) => `tenant:${nameOf(victim)}:chat:1` },
  "the platform's prefix in capitals": { spell: () => `PLATFORM:${ADMINS}` },
  "the broker's key of the room": { spell: ({ realm }) => roomKey(realm) },
  "the broker's key of everybody": {
    spell: ({ realm }) => channelKey({ realm, target: { kind: 'all' } }),
  },
  'the tenant before the room, with a colon': { spell: (victim) => `${nameOf(victim)}:chat:1` },
  'the tenant before the room, with a dot': { spell: (victim) => `${nameOf(victim)}.chat:1` },
  'the tenant before the room, with a slash': malformed((victim) => `${nameOf(victim)}/chat:1`),
  'a path to the tenant': malformed((victim) => `../${nameOf(victim)}/chat:1`),
  'the key with encoded separators': malformed(({ realm }) => encodeURIComponent(roomKey(realm))),
  'the key encoded twice': malformed(({ realm }) =>
    encodeURIComponent(encodeURIComponent(roomKey(realm))),
  ),
  'an encoded @': malformed(() => '%40all'),
  'a wildcard': malformed(() => 'chat:*'),
  'a room in capitals': { spell: () => 'CHAT:1' },
  'a Cyrillic с for a c': malformed(() => 'сhat:1'),
  'a full-width colon': malformed(() => 'chat：1'),
  'a full-width @': malformed(() => '＠all'),
  'a space of no width': malformed(() => 'chat:1\u200b'),
  'an accent of its own (no NFC)': malformed(() => 'chat:1\u0301'),
  'an override of the direction': malformed(() => '\u202echat:1'),
  'a zero at the end': malformed(() => 'chat:1\0'),
  'a second line': malformed(() => 'chat:1\n@all'),
  'a space before the @': malformed(() => ' @all'),
  'a name from the prototype': { spell: () => 'constructor' },
  'a room that only the other realm has': { spell: ({ realm }) => vaultOf(realm) },
  'a room that nobody has': { spell: () => 'vault:nowhere' },
};

/** Everything that a client can do with a room's name, as it stands on the wire. */
export const ROOM_APIS: Readonly<Record<string, (channel: string) => object>> = {
  subscribe: (channel) => ({ subscribe: { channel } }),
  recover: (channel) => ({ subscribe: { channel, recover: true, offset: 0, epoch: '' } }),
  unsubscribe: (channel) => ({ unsubscribe: { channel } }),
  publish: (channel) => ({
    publish: { channel, data: { type: 'note', data: { is: FORBIDDEN_MARKER } } },
  }),
  history: (channel) => ({ history: { channel, limit: -1 } }),
  presence: (channel) => ({ presence: { channel } }),
  presence_stats: (channel) => ({ presence_stats: { channel } }),
  [PRESENCE_CALL]: (room) => ({ rpc: { method: PRESENCE_CALL, data: { room } } }),
  [TYPING_CALL]: (room) => ({ rpc: { method: TYPING_CALL, data: { room, isTyping: true } } }),
  sub_refresh: (channel) => ({ sub_refresh: { channel, token: 'any' } }),
};

/** What an API answers to a name that is not the client's. */
export function answerTo(
  api: string,
  { isMalformed = false }: Pick<Confusion, 'isMalformed'> = {},
): Answer {
  if (api === 'unsubscribe') return '{"unsubscribe":{}}'; // it takes nothing that is not its own
  // It looks for a subscription of that name, and there is none.
  if (api === 'sub_refresh') return DENIED;
  return isMalformed ? MALFORMED : DENIED;
}
