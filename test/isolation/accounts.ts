import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isSameRealm, type Realm } from '@trunkline/contract';
import { type Handshake, type Principal, requestedTenant, supportView } from '@trunkline/server';
import { type TokenKey, TokenVerifier } from '@trunkline/server/tokens';
import { compactToken } from '../../packages/server/test/compact-token.ts';
import type { Secrets } from './markers.ts';
import { EVERYBODY, type Person, REALMS, STAFF, SUPPORT_ID, tenantIdOf } from './people.ts';

/** Two of the tenants have issuers that list their keys, under the same key id. */
const SHARED_KID = 'key-1';
const ROOT_PATH = '/keys/';
const LIFETIME_S = 3_600;

/** How one realm's identity provider signs. */
interface Issuer {
  readonly realm: Realm;
  readonly name: string;
  readonly secret: Buffer | null;
  readonly keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | null;
}

/** Making one takes a while, and none is secret from another run. */
const rsaKeys = [rsa(), rsa()];
/** The thief's own: nobody's issuer has it. */
const ownRsaKey = rsa();

const issuers: readonly Issuer[] = REALMS.map((realm, index) => {
  const keys = rsaKeys[index] ?? null;
  return {
    realm,
    name: `https://id.example/${index}`,
    keys,
    secret: keys ? null : randomBytes(32),
  };
});

/** The claims of a token. */
export type Claims = Record<string, unknown>;

/**
 * The application's book of who is who: each realm has an identity provider of its own, and a page can
 * come with a token of it or with the cookie of a log-in.
 */
export class Accounts {
  readonly #secrets: Secrets;
  readonly #cookies = new Map<string, Person>();
  readonly #keyServer: Server;
  #verifier: TokenVerifier | null = null;

  constructor(secrets: Secrets) {
    this.#secrets = secrets;
    for (const [index, person] of EVERYBODY.entries()) this.#cookies.set(`log-in-${index}`, person);
    this.#keyServer = createServer(({ url }, response) => response.end(keyList(url ?? '')));
  }

  /** Lists the issuers' public keys on a port of this machine. */
  async start(): Promise<void> {
    this.#keyServer.listen(0, '127.0.0.1');
    await once(this.#keyServer, 'listening');
    const { port } = this.#keyServer.address() as AddressInfo;
    const keys = issuers.map((issuer, index) => keyOf(issuer, `http://127.0.0.1:${port}`, index));
    this.#verifier = new TokenVerifier({
      keys,
      principalOf: (claims) => this.#claimed(claims),
    });
  }

  async stop(): Promise<void> {
    this.#keyServer.close();
    this.#keyServer.closeAllConnections();
    await once(this.#keyServer, 'close');
  }

  get verifier(): TokenVerifier {
    if (!this.#verifier) throw new Error('The accounts have not been started');
    return this.#verifier;
  }

  cookieOf(person: Person): string {
    return `sid=log-in-${EVERYBODY.indexOf(person)}`;
  }

  /** A token as the person's own identity provider makes it. */
  tokenOf(person: Person, changes: Claims = {}): string {
    return signedBy(issuerOf(person.realm), { ...claimsOf(person), ...changes });
  }

  /** A token that opens a room to this person. */
  ticketOf(person: Person, room: string): string {
    return this.tokenOf(person, { channel: room });
  }

  /** Who a handshake acts for. A page that wishes for another tenant than its own gets nobody. */
  async authenticate(handshake: Handshake): Promise<Principal | null> {
    const { token, headers } = handshake;
    const principal =
      token === undefined
        ? this.#loggedIn(headers.cookie)
        : await this.verifier.authenticate(handshake);
    const wish = requestedTenant(handshake);
    return principal && (wish === null || wish === tenantIdOf(principal.realm)) ? principal : null;
  }

  #loggedIn(cookie = ''): Principal | null {
    const person = this.#cookies.get(/sid=([\w-]+)/.exec(cookie)?.[1] ?? '');
    return person ? this.principalOf(person) : null;
  }

  /** Who the application says a person is. What others see of them carries their realm's marker. */
  principalOf(person: Person): Principal {
    const { realm, userId, roles } = person;
    const info = { is: this.#secrets.marker('info', realm) };
    if (userId !== SUPPORT_ID) return { realm, userId, roles, info };
    const staff = this.principalOf(STAFF);
    return { ...supportView(staff, tenantIdOf(realm), { reason: 'They have asked us' }), info };
  }

  #claimed({ sub, iss, tenantId }: Claims): Principal | null {
    const issuer = issuers.find(({ name }) => name === iss);
    const realm = REALMS.find((each) => tenantIdOf(each) === (tenantId ?? ''));
    const person = EVERYBODY.find(
      (each) => each.userId === sub && realm && isSameRealm(each.realm, realm),
    );
    return issuer && person ? this.principalOf(person) : null;
  }
}

/** Makes a token by which a thief of one realm would pass for a victim in another. `extra`: more claims. */
type Forge = (thief: Person, victim: Person, extra?: Claims) => string;

/** All that are refused. */
export const forgeries: Readonly<Record<string, Forge>> = {
  'alg none': (_thief, victim, extra) =>
    compactToken(headerOf(victim, 'none'), { ...claimsOf(victim), ...extra }, () =>
      Buffer.alloc(0),
    ),
  "HS256, signed with the victim's public key": (_thief, victim, extra) =>
    compactToken(headerOf(victim, 'HS256'), { ...claimsOf(victim), ...extra }, (text) =>
      createHmac('sha256', publicPemOf(victim)).update(text).digest(),
    ),
  "RS256 where the victim's issuer has a secret": (_thief, victim, extra) =>
    compactToken(headerOf(victim, 'RS256'), { ...claimsOf(victim), ...extra }, (text) =>
      sign('sha256', Buffer.from(text), ownRsaKey.privateKey),
    ),
  "the victim's issuer and key id, the thief's key": (thief, victim, extra) =>
    signedBy(issuerOf(thief.realm), { ...claimsOf(victim), ...extra }, { kid: SHARED_KID }),
  "the victim's tenant, the thief's issuer": (thief, victim, extra) => {
    const issuer = issuerOf(thief.realm);
    const tenantId = tenantIdOf(victim.realm);
    return signedBy(issuer, { ...claimsOf(victim), ...extra, tenantId, iss: issuer.name });
  },
  "the victim's claims, the thief's signature": (thief, victim, extra) => {
    const [head, body] = signedBy(issuerOf(victim.realm), { ...claimsOf(victim), ...extra }).split(
      '.',
    );
    const signature = signedBy(issuerOf(thief.realm), claimsOf(thief)).split('.')[2];
    return [head, body, signature].join('.');
  },
  'a key of its own in the header': (_thief, victim, extra) =>
    compactToken(
      {
        ...headerOf(victim, 'RS256'),
        jwk: ownRsaKey.publicKey.export({ format: 'jwk' }),
        jku: 'http://127.0.0.1:9/keys',
      },
      { ...claimsOf(victim), ...extra },
      (text) => sign('sha256', Buffer.from(text), ownRsaKey.privateKey),
    ),
  'two tenants in one claim': (thief, victim, extra) =>
    signedBy(issuerOf(thief.realm), {
      ...claimsOf(thief),
      ...extra,
      tenantId: [tenantIdOf(thief.realm), tenantIdOf(victim.realm)],
    }),
};

function rsa(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

function issuerOf(realm: Realm): Issuer {
  const issuer = issuers.find((each) => isSameRealm(each.realm, realm));
  if (!issuer) throw new Error('A realm without an issuer');
  return issuer;
}

/** What the server knows of an issuer. */
function keyOf({ realm, name, secret }: Issuer, keyServer: string, index: number): TokenKey {
  const about = { issuer: name, realm };
  return secret
    ? { ...about, algorithms: ['HS256'], secret }
    : { ...about, algorithms: ['RS256'], jwksUrl: `${keyServer}${ROOT_PATH}${index}` };
}

function keyList(url: string): string {
  const keys = rsaKeys[Number(url.slice(ROOT_PATH.length))];
  const jwk = keys && { ...createPublicKey(keys.privateKey).export({ format: 'jwk' }) };
  return JSON.stringify({ keys: jwk ? [{ ...jwk, kid: SHARED_KID, alg: 'RS256' }] : [] });
}

function claimsOf({ realm, userId }: Person): Claims {
  const now = Date.now() / 1_000;
  const tenantId = tenantIdOf(realm);
  return {
    iss: issuerOf(realm).name,
    sub: userId,
    iat: now,
    exp: now + LIFETIME_S,
    ...(tenantId === '' ? {} : { tenantId }),
  };
}

function headerOf({ realm }: Person, alg: string): object {
  return { alg, ...(issuerOf(realm).keys ? { kid: SHARED_KID } : {}) };
}

/** As a secret, where a verifier lets the token say what kind of key it is signed with. */
function publicPemOf({ realm }: Person): string {
  const publicKey = issuerOf(realm).keys?.publicKey ?? ownRsaKey.publicKey;
  return publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

function signedBy({ keys, secret }: Issuer, claims: Claims, header: object = {}): string {
  const kid = keys ? { kid: SHARED_KID } : {};
  const alg = keys ? 'RS256' : 'HS256';
  return compactToken({ alg, ...kid, ...header }, claims, (text) =>
    keys
      ? sign('sha256', Buffer.from(text), keys.privateKey)
      : createHmac('sha256', secret ?? '')
          .update(text)
          .digest(),
  );
}
