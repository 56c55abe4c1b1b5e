import {
  isRole,
  isSameRealm,
  isTenantId,
  isUserId,
  type Realm,
  tenantRealm,
} from '@trunkline/contract';
import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWSHeaderParameters,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { disconnects, protocolErrors } from './errors.ts';
import {
  type Authenticate,
  checkPrincipal,
  type Handshake,
  type Principal,
  supportViewProblem,
} from './principal.ts';
import type { RoomGrant, RoomRequest, RoomRule } from './rooms.ts';
import { resolveKeys, type TokenKey, type VerificationKey } from './token-keys.ts';

export { type TokenAlgorithm, type TokenKey, TokenKeysUnavailableError } from './token-keys.ts';

const DAY_MS = 24 * 3_600_000;
const YEAR_MS = 365 * DAY_MS;
const MAX_TOKEN_LENGTH = 8_192;
/** Stricter than jose, which skips white space in a signature. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** What a verified token says. */
export type TokenClaims = JWTPayload;

/** How tokens are verified, and what they stand for. */
export interface TokenVerifierOptions {
  /** Tried in this order: a new secret beside the old one is how secrets are replaced. */
  readonly keys: readonly TokenKey[];
  /** Who this server is: a token's `aud` must name one. Default: it must not have an `aud`. */
  readonly audience?: string | readonly string[];
  /**
   * Longest life of a token, from its `iat` (or from now, where it has none) to its `exp`. Tokens
   * without `exp` need a literal `Infinity` here. Default 24 h.
   */
  readonly maxLifetimeMs?: number;
  /**
   * How far the issuer's clock may be ahead of ours, for `nbf` and `iat`. It adds nothing to `exp`,
   * at which the connection or subscription ends. Default 30 s.
   */
  readonly clockToleranceMs?: number;
  /** The claim that names the tenant, in connection and subscription tokens. Default `tenantId`. */
  readonly tenantClaim?: string;
  /**
   * Lets a subscription token that names a user and no tenant, under a key without `realm`, open its
   * room in any tenant. Safe only where no two tenants share a user id. Default `false`.
   */
  readonly allowTenantlessSubscriptions?: boolean;
  /**
   * Who a connection token stands for; `null` refuses it. It ends with its token at the latest.
   * Default: user `sub`, in the tenant of `tenantClaim`, with `roles` and `info` as claimed.
   */
  readonly principalOf?: (
    claims: TokenClaims,
    handshake: Handshake,
  ) => Principal | null | Promise<Principal | null>;
  /** Who a connection without a token stands for. Default: nobody, it is refused. */
  readonly anonymous?: Authenticate;
  /** Hears why a token was refused, for the app's log: its client never learns it. */
  readonly onRefused?: (reason: string) => void;
}

/**
 * Verifies JSON Web Tokens (protocol, section 13). Which key counts is the configuration's decision:
 * nothing is fetched from where a token says (`jku`, `x5u`), and no key believed that it brings (`jwk`).
 * The claims `channels`, `subs`, `override`, `b64info` and `meta` do nothing here.
 */
export class TokenVerifier {
  /** For a node's `authenticate`. A token with a `channel` is for a subscription, and refused here. */
  readonly authenticate: Authenticate = (handshake) => this.#authenticate(handshake);

  /** For a room rule's `authorize`: opens to a token for this room, tenant, user and client. */
  readonly authorize: NonNullable<RoomRule['authorize']> = (principal, room, request) =>
    this.#authorize(principal, room, request);

  readonly #options: TokenVerifierOptions;
  readonly #tenantClaim: string;
  readonly #keys: readonly VerificationKey[];
  readonly #times: Times;

  /** Throws a `TypeError` that names the option for a configuration that is unusable or unsafe. */
  constructor(options: TokenVerifierOptions) {
    const { keys, audience, tenantClaim = 'tenantId' } = options;
    this.#options = options;
    this.#tenantClaim = tenantClaim;
    this.#keys = resolveKeys(keys);
    this.#times = resolveTimes(options);
    checkAudience(audience);
  }

  async #authenticate(handshake: Handshake): Promise<Principal | null> {
    const { token } = handshake;
    const { anonymous } = this.#options;
    if (!token) return (await anonymous?.(handshake)) ?? null;
    return await this.#unlessRefused(null, async () => {
      const { claims, key } = await this.#verify(token);
      if (claims['channel'] !== undefined) refuse('It is a subscription token');
      requireUnexpired(claims);
      return await this.#principalOf(claims, key, handshake);
    });
  }

  async #authorize(
    principal: Principal,
    room: string,
    { token, clientId }: RoomRequest,
  ): Promise<RoomGrant | false> {
    if (!token) return false;
    return await this.#unlessRefused(false, async () => {
      const { claims, key } = await this.#verify(token);
      requireUnexpired(claims);
      const mismatch =
        mismatchOf(claims, principal, room, clientId) ??
        this.#realmMismatchOf(claims, key, principal);
      if (mismatch === null) return grantOf(claims);
      this.#options.onRefused?.(mismatch);
      throw disconnects.invalidToken;
    });
  }

  /** Says no, and why to the app only. */
  async #unlessRefused<T, No>(no: No, work: () => Promise<T>): Promise<T | No> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TokenRefusedError)) throw error;
      this.#options.onRefused?.(error.message);
      return no;
    }
  }

  /** What a token says that one of the keys has signed. It may have expired. */
  async #verify(token: string): Promise<Verified> {
    const { header, issuer } = peek(token);
    for (const key of this.#keys) {
      if (!isFor(key, header, issuer)) continue;
      const claims = await this.#claimsUnder(key, header, token);
      if (!claims) continue;
      this.#check(claims);
      return { claims, key };
    }
    return refuse('No key of its issuer and algorithm has signed it');
  }

  async #claimsUnder(
    key: VerificationKey,
    header: JWSHeaderParameters,
    token: string,
  ): Promise<TokenClaims | null> {
    for (const candidate of await key.candidates(header)) {
      try {
        const { payload } = await jwtVerify(token, candidate, this.#verifyOptions(key));
        return payload;
      } catch (error) {
        if (error instanceof errors.JWTExpired) return error.payload; // all else was found good
        if (error instanceof errors.JWSSignatureVerificationFailed) continue;
        throw error instanceof errors.JOSEError ? refusalOf(error) : error;
      }
    }
    return null;
  }

  /** What jose does not check. */
  #check(claims: TokenClaims): void {
    if (claims.aud !== undefined && this.#options.audience === undefined) {
      refuse('It is for an audience, and none is configured');
    }
    checkTimes(claims, this.#times);
  }

  #verifyOptions({ issuer, algorithms }: VerificationKey): JWTVerifyOptions {
    const { audience } = this.#options;
    return {
      algorithms: [...algorithms],
      clockTolerance: this.#times.clockToleranceMs / 1_000,
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience: [audience].flat() }),
    };
  }

  async #principalOf(
    claims: TokenClaims,
    key: VerificationKey,
    handshake: Handshake,
  ): Promise<Principal | null> {
    const { principalOf } = this.#options;
    const found = principalOf ? await principalOf(claims, handshake) : this.#claimed(claims, key);
    if (!found) return null;
    const timed = { ...issueOf(claims), ...found, ...expiryOf(claims, found.expiresAt) };
    // What tokens claim is the token's fault: an error, and its client would come back with it for ever.
    const problem = supportViewProblem(timed);
    if (problem) refuse(problem);
    const principal = checkPrincipal(timed);
    if (key.realm && !isSameRealm(key.realm, principal.realm))
      refuse('Its key is for another realm');
    return principal;
  }

  /** Whom the claims name. A malformed one is the token's fault: no error, or it came back for ever. */
  #claimed(claims: TokenClaims, key: VerificationKey): Principal {
    const { sub: userId = '', info } = claims;
    const { roles = [] } = claims as { roles?: unknown };
    const realm = this.#realmOf(claims, key) ?? refuse('It names no tenant');
    if (userId !== '' && !isUserId(userId)) refuse('Its sub is no user id');
    if (!Array.isArray(roles) || !roles.every(isRole)) refuse('Its roles are no array of roles');
    return { userId, realm, roles, claims, ...(info === undefined ? {} : { info }) };
  }

  #realmMismatchOf(claims: TokenClaims, key: VerificationKey, principal: Principal): string | null {
    const realm = this.#realmOf(claims, key);
    if (realm) return isSameRealm(realm, principal.realm) ? null : 'It is for another tenant';
    const isAllowed = this.#options.allowTenantlessSubscriptions === true && claims.sub;
    return isAllowed ? null : refuse('It names no tenant');
  }

  /** The realm that a token speaks for; `null`: neither it nor its key says. */
  #realmOf(claims: TokenClaims, key: VerificationKey): Realm | null {
    const tenantId = claims[this.#tenantClaim];
    if (tenantId === undefined) return key.realm ?? null;
    const realm = isTenantId(tenantId) ? tenantRealm(tenantId) : refuse('Its tenant is no id');
    if (key.realm && !isSameRealm(key.realm, realm)) refuse('Its key is for another realm');
    return realm;
  }
}

type Times = Required<Pick<TokenVerifierOptions, 'maxLifetimeMs' | 'clockToleranceMs'>>;

interface Verified {
  readonly claims: TokenClaims;
  readonly key: VerificationKey;
}

/** A token that is no good, with the reason. Its client learns of it by the answer alone. */
class TokenRefusedError extends Error {
  override readonly name = 'TokenRefusedError';
}

function refuse(reason: string): never {
  throw new TokenRefusedError(reason);
}

/** Not with its message, which quotes the token. */
function refusalOf(error: errors.JOSEError): TokenRefusedError {
  const isClaim = error instanceof errors.JWTClaimValidationFailed;
  return new TokenRefusedError(isClaim ? `Its ${error.claim} does not count` : error.code);
}

/** What an unverified token says of the key to verify it with: it only picks among the configured. */
function peek(token: string): { header: JWSHeaderParameters; issuer: unknown } {
  if (token.length > MAX_TOKEN_LENGTH) refuse(`It has more than ${MAX_TOKEN_LENGTH} characters`);
  if (!COMPACT.test(token)) refuse('It is no signed JSON Web Token');
  try {
    return { header: decodeProtectedHeader(token), issuer: decodeJwt(token).iss };
  } catch {
    return refuse('It is no signed JSON Web Token');
  }
}

function isFor(key: VerificationKey, { alg = '' }: JWSHeaderParameters, issuer: unknown): boolean {
  return key.algorithms.includes(alg) && (key.issuer ?? issuer) === issuer;
}

function checkTimes(claims: TokenClaims, { maxLifetimeMs, clockToleranceMs }: Times): void {
  const { exp, iat, nbf, expire_at: expireAt } = claims;
  const times = [exp, iat, nbf, expireAt].filter((time) => time !== undefined);
  if (!times.every(Number.isFinite)) refuse('Its times are no numbers');
  const latestStartMs = Date.now() + clockToleranceMs;
  const startMs = iat === undefined ? latestStartMs : iat * 1_000;
  if (startMs > latestStartMs) refuse('Its iat is in the future');
  if (maxLifetimeMs === Infinity) return;
  if (exp === undefined) refuse('It has no exp');
  if (exp * 1_000 - startMs > maxLifetimeMs) refuse('Its life is too long');
}

/** Asked last: a token that has only expired is answered with error 109, and a new one comes. */
function requireUnexpired(claims: TokenClaims): void {
  const { exp = Infinity } = claims;
  if (Math.min(exp * 1_000, endOf(claims)) <= Date.now()) throw protocolErrors.tokenExpired;
}

/** When what a token opens ends, milliseconds since 1970; `Infinity`: never. */
function endOf({ exp = Infinity, expire_at: expireAt }: TokenClaims): number {
  if (expireAt === 0) return Infinity;
  return (typeof expireAt === 'number' ? expireAt : exp) * 1_000;
}

/** `endOf` as the hooks say it, no later than in a year (protocol, section 13). */
function expiryOf(claims: TokenClaims, latestMs = Infinity): { expiresAt?: number } {
  const endMs = Math.min(endOf(claims), latestMs);
  return endMs === Infinity ? {} : { expiresAt: Math.min(endMs, Date.now() + YEAR_MS) };
}

/** When it was issued: not before now, however far the issuer's clock is ahead. */
function issueOf({ iat }: TokenClaims): { issuedAt?: number } {
  return iat === undefined ? {} : { issuedAt: Math.min(iat * 1_000, Date.now()) };
}

function mismatchOf(
  { channel, sub = '', client }: TokenClaims,
  principal: Principal,
  room: string,
  clientId: string,
): string | null {
  if (channel === undefined) return 'It is no subscription token';
  if (channel !== room) return 'It is for another channel';
  if (sub !== principal.userId) return 'It is for another user';
  return client === undefined || client === clientId ? null : 'It is for another client';
}

function grantOf(claims: TokenClaims): RoomGrant {
  const { info } = claims;
  return { ...expiryOf(claims), ...(info === undefined ? {} : { info }) };
}

function resolveTimes(options: TokenVerifierOptions): Times {
  const { maxLifetimeMs = DAY_MS, clockToleranceMs = 30_000 } = options;
  if (typeof maxLifetimeMs !== 'number' || !(maxLifetimeMs > 0)) {
    throw new TypeError(`maxLifetimeMs must be a number above 0, got ${String(maxLifetimeMs)}`);
  }
  if (!Number.isFinite(clockToleranceMs) || clockToleranceMs < 0) {
    const got = String(clockToleranceMs);
    throw new TypeError(`clockToleranceMs must be a finite number from 0 on, got ${got}`);
  }
  return { maxLifetimeMs, clockToleranceMs };
}

function checkAudience(audience: TokenVerifierOptions['audience']): void {
  if (audience === undefined) return;
  const names: unknown[] = [audience].flat();
  if (names.length > 0 && names.every((name) => typeof name === 'string' && name !== '')) return;
  throw new TypeError('audience must be a name or several, as tokens have it in their aud');
}
