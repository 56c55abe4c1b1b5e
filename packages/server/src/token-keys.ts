import { createPublicKey, type JsonWebKey, KeyObject, type webcrypto } from 'node:crypto';
import { isRealm, type Realm } from '@trunkline/contract';
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JWSHeaderParameters,
  type KeyInput,
} from 'jose';

/** A signature algorithm of JSON Web Tokens; `none` is none. */
export type TokenAlgorithm = `${'HS' | 'RS' | 'PS' | 'ES'}${256 | 384 | 512}` | 'EdDSA' | 'Ed25519';

/** A key whose signatures count, and for what. Exactly one of its three sources is given. */
export interface TokenKey {
  /** The `iss` of its tokens, exactly. Every key has one, or none has: then `iss` is not looked at. */
  readonly issuer?: string;
  /**
   * The only realm that its tokens speak for, whether they name it or not. Where tenants have issuers
   * of their own it keeps one from speaking for another. Default: any tenant that they name.
   */
  readonly realm?: Realm;
  /** The algorithms that count: a token's own word for it is no reason to believe it. */
  readonly algorithms: readonly TokenAlgorithm[];
  /** For HS256, HS384 and HS512. Whoever sees a token can guess a short one: use 32 random bytes. */
  readonly secret?: string | Uint8Array;
  /** For the other algorithms: PEM (SPKI), a JWK, or a key object. */
  readonly publicKey?: string | JsonWebKey | KeyObject | webcrypto.CryptoKey;
  /** Where the issuer lists its public keys: https, or this machine. Needs an `issuer`. */
  readonly jwksUrl?: string | URL;
}

/** The issuer's public keys cannot be had now. No token's fault: clients are told to come back. */
export class TokenKeysUnavailableError extends Error {
  override readonly name = 'TokenKeysUnavailableError';
  readonly code = 'TOKEN_KEYS_UNAVAILABLE';
}

/** One configured key, ready to verify with. */
export interface VerificationKey {
  readonly issuer: string | undefined;
  readonly realm: Realm | undefined;
  readonly algorithms: readonly string[];
  /** The keys that a token with this header may be signed with. */
  readonly candidates: (header: JWSHeaderParameters) => Promise<readonly KeyInput[]>;
}

/** What kind of key each algorithm needs, in the words of `kindOf`. */
const KINDS: ReadonlyMap<string, string> = new Map<TokenAlgorithm, string>([
  ['HS256', 'secret'],
  ['HS384', 'secret'],
  ['HS512', 'secret'],
  ['RS256', 'rsa'],
  ['RS384', 'rsa'],
  ['RS512', 'rsa'],
  ['PS256', 'rsa'],
  ['PS384', 'rsa'],
  ['PS512', 'rsa'],
  ['ES256', 'ec prime256v1'],
  ['ES384', 'ec secp384r1'],
  ['ES512', 'ec secp521r1'],
  ['EdDSA', 'ed25519'],
  ['Ed25519', 'ed25519'],
]);
const MIN_RSA_BITS = 2048;
const FETCH_TIMEOUT_MS = 2_000;
const FETCH_REST_MS = 5_000;
/** `localhost`, 127.0.0.0/8 and ::1, as a URL writes them. */
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** The configured keys, ready to verify with. Throws a `TypeError` for what is unusable or unsafe. */
export function resolveKeys(keys: readonly TokenKey[]): readonly VerificationKey[] {
  if (!Array.isArray(keys) || keys.length === 0) {
    throw new TypeError('keys must list at least one key: { algorithms, secret }, for example');
  }
  const resolved = keys.map((key: TokenKey, index) => resolveKey(`keys[${index}]`, key));
  const withIssuer = resolved.filter(({ issuer }) => issuer !== undefined);
  if (withIssuer.length > 0 && withIssuer.length < resolved.length) {
    throw new TypeError(
      'Either every key has an issuer or none: one without would count for every issuer',
    );
  }
  return resolved;
}

function resolveKey(name: string, key: TokenKey): VerificationKey {
  const { issuer, realm, algorithms } = key;
  if (issuer !== undefined && (typeof issuer !== 'string' || issuer === '')) {
    throw new TypeError(`${name}.issuer must be the iss of its tokens, got ${typeof issuer}`);
  }
  if (realm !== undefined && !isRealm(realm)) {
    throw new TypeError(
      `${name}.realm must be { kind: 'tenant', tenantId } or { kind: 'platform' }`,
    );
  }
  checkAlgorithms(name, algorithms);
  return { issuer, realm, algorithms: [...algorithms], candidates: resolveSource(name, key) };
}

function checkAlgorithms(name: string, algorithms: readonly string[]): void {
  const known = `of ${[...KINDS.keys()].join(', ')}`;
  if (!Array.isArray(algorithms) || algorithms.length === 0) {
    throw new TypeError(`${name}.algorithms must list those that count, ${known}`);
  }
  const unknown = algorithms.find((algorithm) => !KINDS.has(algorithm));
  if (unknown === undefined) return;
  throw new TypeError(`${name}.algorithms must be ${known}; got ${JSON.stringify(unknown)}`);
}

function resolveSource(name: string, key: TokenKey): VerificationKey['candidates'] {
  const { secret, publicKey, jwksUrl } = key;
  const sources = Object.entries({ secret, publicKey, jwksUrl }).filter(
    ([, value]) => value !== undefined,
  );
  if (sources.length !== 1) {
    const got = sources.map(([source]) => source).join(' and ') || 'none';
    throw new TypeError(`${name} must have one of secret, publicKey and jwksUrl; got ${got}`);
  }
  if (secret !== undefined) return fixed(resolveSecret(name, secret, key));
  if (publicKey !== undefined) return fixed(resolvePublicKey(name, publicKey, key));
  return remote(resolveUrl(name, key), key.issuer ?? '');
}

function resolveSecret(name: string, secret: string | Uint8Array, key: TokenKey): Uint8Array {
  if (typeof secret !== 'string' && !(secret instanceof Uint8Array)) {
    throw new TypeError(`${name}.secret must be a string or bytes, got ${typeof secret}`);
  }
  if (secret.length === 0) {
    throw new TypeError(`${name}.secret is empty: is its environment variable set?`);
  }
  const bytes = Buffer.from(secret); // a copy: nobody changes it from outside
  // The public key is known to all, so that everybody could sign.
  if (bytes.includes('-----BEGIN')) {
    throw new TypeError(`${name}.secret is a PEM key: give it as publicKey, with its algorithms`);
  }
  requireKind(name, key, 'secret');
  return bytes;
}

function resolvePublicKey(
  name: string,
  given: NonNullable<TokenKey['publicKey']>,
  key: TokenKey,
): KeyObject {
  const publicKey = readPublicKey(name, given);
  requireKind(name, key, kindOf(publicKey));
  const { modulusLength = Infinity } = publicKey.asymmetricKeyDetails ?? {};
  if (modulusLength >= MIN_RSA_BITS) return publicKey;
  throw new TypeError(
    `${name}.publicKey must have ${MIN_RSA_BITS} bits or more, got ${modulusLength}`,
  );
}

function readPublicKey(name: string, key: NonNullable<TokenKey['publicKey']>): KeyObject {
  const expected = `${name}.publicKey must be a public key: PEM, JWK, KeyObject or CryptoKey`;
  // Node would take the public half; who verifies has no business with the other one.
  if (isPrivate(key)) throw new TypeError(`${expected}; got a private key`);
  try {
    return toKeyObject(key);
  } catch (cause) {
    throw new TypeError(expected, { cause });
  }
}

function isPrivate(key: NonNullable<TokenKey['publicKey']>): boolean {
  if (typeof key === 'string') return key.includes('PRIVATE KEY');
  if (typeof key !== 'object' || key === null) return false; // no key at all
  return 'type' in key ? key.type !== 'public' : 'd' in key;
}

function toKeyObject(key: NonNullable<TokenKey['publicKey']>): KeyObject {
  if (key instanceof KeyObject) return key;
  if (key instanceof CryptoKey) return KeyObject.from(key);
  return createPublicKey(typeof key === 'string' ? key : { key, format: 'jwk' });
}

function kindOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  return [asymmetricKeyType, asymmetricKeyDetails?.namedCurve].filter(Boolean).join(' ');
}

function requireKind(name: string, { algorithms }: TokenKey, kind: string): void {
  const other = algorithms.find((algorithm) => KINDS.get(algorithm) !== kind);
  if (other === undefined) return;
  const needed = KINDS.get(other);
  throw new TypeError(
    `${name}.algorithms lists ${other}, for a key of kind ${needed}; got ${kind}`,
  );
}

function resolveUrl(name: string, { jwksUrl = '', issuer, algorithms }: TokenKey): URL {
  const url = URL.canParse(String(jwksUrl)) ? new URL(jwksUrl) : null;
  const isLocal = url?.protocol === 'http:' && LOOPBACK.test(url.hostname);
  if (!url || url.username || url.password || !(url.protocol === 'https:' || isLocal)) {
    throw new TypeError(
      `${name}.jwksUrl must be an https URL without a user (http only on this machine): whoever ` +
        'can change the answer on its way can sign tokens',
    );
  }
  // Some providers sign the tokens of all their customers with the same keys.
  if (issuer === undefined) throw new TypeError(`${name} has a jwksUrl and needs an issuer too`);
  const secret = algorithms.find((algorithm) => KINDS.get(algorithm) === 'secret');
  if (secret === undefined) return url;
  throw new TypeError(`${name}.algorithms lists ${secret}, and a jwksUrl has only public keys`);
}

function fixed(key: KeyInput): VerificationKey['candidates'] {
  return async () => [key];
}

/** Each has a cache of its own: another issuer's key of the same `kid` is never found in it. */
function remote(url: URL, issuer: string): VerificationKey['candidates'] {
  const resolve = createRemoteJWKSet(url, {
    timeoutDuration: FETCH_TIMEOUT_MS,
    [customFetch]: createRestingFetch(),
  });
  return async (header) => {
    try {
      return [await resolve(header)];
    } catch (cause) {
      if (cause instanceof errors.JWKSNoMatchingKey) return [];
      if (cause instanceof errors.JWKSMultipleMatchingKeys) return await listOf(cause);
      const message = `The keys of ${issuer} could not be had from ${url.origin}${url.pathname}`;
      throw new TokenKeysUnavailableError(message, { cause });
    }
  };
}

async function listOf(keys: AsyncIterable<KeyInput>): Promise<KeyInput[]> {
  const list: KeyInput[] = [];
  for await (const key of keys) list.push(key);
  return list;
}

/**
 * Asks seldom, also when it failed. Any stranger's token with an unknown `kid` wants a fetch, and while
 * the issuer is down those who wait for one would keep the others from the door.
 */
function createRestingFetch(): FetchImplementation {
  let restsUntilMs = 0;
  return async (url, options) => {
    const nowMs = performance.now();
    if (nowMs < restsUntilMs) throw new Error('It was asked a moment ago, in vain');
    restsUntilMs = nowMs + FETCH_REST_MS;
    return await fetch(url, options);
  };
}
