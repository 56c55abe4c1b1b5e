import { createHmac, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PLATFORM, type Realm, tenantRealm } from '@trunkline/contract';
import {
  type TokenAlgorithm,
  type TokenKey,
  TokenKeysUnavailableError,
  TokenVerifier,
  type TokenVerifierOptions,
} from '@trunkline/server/tokens';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { compactToken, encode } from './compact-token.ts';

type Principal = NonNullable<Awaited<ReturnType<TokenVerifier['authenticate']>>>;
/** Of any type: an issuer may say anything. */
type Claims = Record<string, unknown>;
type SigningKey = KeyObject | Uint8Array | string;

const acme = tenantRealm('acme');
const globex = tenantRealm('globex');
const secret = randomBytes(32);
const hmacKey: TokenKey = { algorithms: ['HS256'], secret };
const hour = 3_600;
const now = () => Math.floor(Date.now() / 1_000);
const expired = expect.objectContaining({ name: 'ProtocolError', code: 109 });
const invalid = expect.objectContaining({ name: 'Disconnect', code: 3500 });

/** What makes a connection token good. */
const good = () => ({ sub: 'ada', tenantId: 'acme', iat: now(), exp: now() + hour });
/** What makes a subscription token good. */
const goodFor = (channel: string) => ({ ...good(), channel });

const sign = async (claims: Claims, key: SigningKey = secret, header: object = {}) =>
  await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', ...header })
    .sign(typeof key === 'string' ? Buffer.from(key) : key);

/** A token that jose would not sign. */
const forge = (header: object, claims: object, hmacSecret: string | Uint8Array): string =>
  compactToken(header, claims, (text) => createHmac('sha256', hmacSecret).update(text).digest());

const signatureOf = (token: string) => Buffer.from(token.split('.')[2], 'base64url');
const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();
const jwk = (key: KeyObject) => key.export({ format: 'jwk' });

function verifier(options: Partial<TokenVerifierOptions> = {}) {
  const refusals: string[] = [];
  const tokens = new TokenVerifier({
    keys: [hmacKey],
    onRefused: (reason) => refusals.push(reason),
    ...options,
  });
  const connect = async (token?: string, data?: unknown) =>
    await tokens.authenticate({
      headers: {},
      url: '/connection/websocket',
      remoteAddress: '127.0.0.1',
      ...(token === undefined ? {} : { token }),
      data,
    });
  const enter = async (room: string, token?: string, principal: Partial<Principal> = {}) =>
    await tokens.authorize({ userId: 'ada', realm: acme, roles: [], ...principal }, room, {
      clientId: 'client-1',
      ...(token === undefined ? {} : { token }),
    });
  return { connect, enter, refusals };
}

/** An issuer's list of keys on a port of this machine. */
async function serveKeys(...keys: object[]) {
  const state = { keys, status: 200, hangs: false, hits: 0, url: '' };
  const http = createServer((_request, response) => {
    state.hits += 1;
    if (state.hangs) return;
    response.writeHead(state.status, { 'Content-Type': 'application/json', Connection: 'close' });
    response.end(JSON.stringify({ keys: state.keys }));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
  });
  state.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/jwks.json`;
  return state;
}

/** Stops the clocks, and moves them. */
function stopClock() {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  return { advance: (seconds: number) => vi.advanceTimersByTime(seconds * 1_000) };
}

describe('a connection token', () => {
  const keyPairs: [TokenAlgorithm, () => { publicKey: KeyObject; privateKey: KeyObject }][] = [
    ['RS256', rsa],
    ['RS384', rsa],
    ['RS512', rsa],
    ['PS256', rsa],
    ['PS384', rsa],
    ['PS512', rsa],
    ['ES256', () => ec('P-256')],
    ['ES384', () => ec('P-384')],
    ['ES512', () => ec('P-521')],
    ['EdDSA', () => generateKeyPairSync('ed25519')],
    ['Ed25519', () => generateKeyPairSync('ed25519')],
  ];

  test.each(keyPairs)('signed with %s is verified with the public key', async (alg, generate) => {
    const { publicKey, privateKey } = generate();
    const { connect } = verifier({ keys: [{ algorithms: [alg], publicKey }] });
    const claims = good();
    expect(await connect(await sign(claims, privateKey, { alg }))).toMatchObject({ userId: 'ada' });
    expect(await connect(await sign(claims, generate().privateKey, { alg }))).toBeNull();
  });

  test.each<TokenAlgorithm>(['HS256', 'HS384', 'HS512'])(
    'signed with %s is verified with the secret, as text or bytes',
    async (alg) => {
      const text = verifier({ keys: [{ algorithms: [alg], secret: 'kéy' }] });
      const bytes = verifier({ keys: [{ algorithms: [alg], secret: Buffer.from('kéy') }] });
      const token = await sign(good(), 'kéy', { alg });
      expect(await text.connect(token)).toMatchObject({ userId: 'ada' });
      expect(await bytes.connect(token)).toMatchObject({ userId: 'ada' });
      expect(await text.connect(await sign(good(), 'key', { alg }))).toBeNull();
    },
  );

  test('is verified with a public key in any of its forms', async () => {
    const { publicKey, privateKey } = ec('P-256');
    const token = await sign(good(), privateKey, { alg: 'ES256' });
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
    const forms = [
      pem(publicKey),
      jwk(publicKey),
      publicKey,
      publicKey.toCryptoKey(algorithm, true, ['verify']),
      publicKey.toCryptoKey(algorithm, false, ['verify']),
    ];
    for (const form of forms) {
      const { connect } = verifier({ keys: [{ algorithms: ['ES256'], publicKey: form }] });
      expect(await connect(token)).toMatchObject({ userId: 'ada' });
    }
  });

  test('stands for the user, tenant, roles and info that it names, until its end', async () => {
    const claims = { ...good(), roles: ['admins', 'editors'], info: { name: 'Ada' } };
    expect(await verifier().connect(await sign(claims))).toEqual({
      userId: 'ada',
      realm: acme,
      roles: ['admins', 'editors'],
      info: { name: 'Ada' },
      claims,
      issuedAt: claims.iat * 1_000,
      expiresAt: claims.exp * 1_000,
    });
  });

  test('was issued at its iat, no later than now, and at no known time without', async () => {
    const { connect } = verifier();
    const { iat: _iat, ...ageless } = good();
    expect(await connect(await sign(ageless))).not.toHaveProperty('issuedAt');
    const before = Date.now();
    const ahead = await connect(await sign({ ...good(), iat: now() + 20 }));
    expect(ahead?.issuedAt).toBeGreaterThanOrEqual(before);
    expect(ahead?.issuedAt).toBeLessThanOrEqual(Date.now());
  });

  test('is a support view where it names who acts, and no good where that breaks the rules', async () => {
    const { connect, refusals } = verifier();
    const actingAs = { userId: 'root', realm: PLATFORM };
    expect(await connect(await sign({ ...good(), actingAs }))).toMatchObject({
      claims: { actingAs },
    });
    expect(await connect(await sign({ ...good(), actingAs, exp: now() + 9 * hour }))).toBeNull();
    expect(await connect(await sign({ ...good(), actingAs: { userId: 'root' } }))).toBeNull();
    expect(refusals).toEqual([
      expect.stringContaining('expiresAt within 8 hours'),
      expect.stringContaining('claims.actingAs must be'),
    ]);
  });

  test('without sub and roles stands for an anonymous user', async () => {
    const { connect } = verifier();
    const { sub: _sub, ...claims } = good();
    expect(await connect(await sign(claims))).toMatchObject({ userId: '', roles: [] });
    expect(await connect(await sign({ ...claims, sub: '' }))).toMatchObject({ userId: '' });
  });

  test('names its tenant in the claim that the app says', async () => {
    const { connect } = verifier({ tenantClaim: 'https://example.com/tenant' });
    const { tenantId: _tenantId, ...claims } = good();
    const token = await sign({ ...claims, 'https://example.com/tenant': 'globex' });
    expect(await connect(token)).toMatchObject({ realm: globex });
    expect(await connect(await sign(good()))).toBeNull();
  });

  test.each<[string, Claims, string]>([
    ['without a tenant', { tenantId: undefined }, 'It names no tenant'],
    ['with a malformed tenant', { tenantId: 'ac:me' }, 'Its tenant is no id'],
    ['with an empty tenant', { tenantId: '' }, 'Its tenant is no id'],
    ['with a tenant that is a number', { tenantId: 7 }, 'Its tenant is no id'],
    ['with a tenant that is null', { tenantId: null }, 'Its tenant is no id'],
    ['with tenants in an array', { tenantId: ['acme'] }, 'Its tenant is no id'],
    ['with a user that is too long', { sub: 'x'.repeat(129) }, 'Its sub is no user id'],
    ['with a user that is a number', { sub: 7 }, 'Its sub is no user id'],
    ['with one role in place of an array', { roles: 'admins' }, 'Its roles are no array of roles'],
    ['with a malformed role', { roles: ['a:b'] }, 'Its roles are no array of roles'],
    ['that is a subscription token', { channel: 'chat:1' }, 'It is a subscription token'],
    ['with a channel that is null', { channel: null }, 'It is a subscription token'],
  ])('%s is refused', async (_name, claims, reason) => {
    const { connect, refusals } = verifier();
    expect(await connect(await sign({ ...good(), ...claims }))).toBeNull();
    expect(refusals).toEqual([reason]);
  });
});

describe('a token that is missing', () => {
  test('is refused', async () => {
    const { connect, enter } = verifier();
    expect(await connect()).toBeNull();
    expect(await connect('')).toBeNull();
    expect(await enter('chat:1')).toBe(false);
    expect(await enter('chat:1', '')).toBe(false);
  });

  test('lets in whom the app says, and a bad one lets in nobody', async () => {
    const anonymous = { userId: '', realm: acme, roles: [] };
    const { connect } = verifier({ anonymous: ({ data }) => (data === 'no' ? null : anonymous) });
    expect(await connect()).toEqual(anonymous);
    expect(await connect(undefined, 'no')).toBeNull();
    expect(await connect('nonsense')).toBeNull();
    expect(await connect(await sign(good(), 'another secret'))).toBeNull();
  });
});

describe('a forged token', () => {
  const claims = good();
  const head = encode({ alg: 'HS256' });
  const body = encode(claims);
  const [, , signature] = forge({ alg: 'HS256' }, claims, secret).split('.');

  test.each<[string, string]>([
    ['that is no token', 'nonsense'],
    ['of dots', '..'],
    ['of five parts', 'a.b.c.d.e'],
    ['without a signature', `${head}.${body}.`],
    ['without its last part', `${head}.${body}`],
    ['with alg none', `${encode({ alg: 'none' })}.${body}.`],
    [
      'with alg none and the signature of another',
      `${encode({ alg: 'none' })}.${body}.${signature}`,
    ],
    ['with alg None', `${encode({ alg: 'None' })}.${body}.${signature}`],
    ['without alg', forge({ typ: 'JWT' }, claims, secret)],
    ['with an alg that is no text', forge({ alg: ['HS256'] }, claims, secret)],
    ["with an object's own word for an alg", forge({ alg: 'constructor' }, claims, secret)],
    ['with a header that is no object', `${encode([])}.${body}.${signature}`],
    ['with a header that is no JSON', `${Buffer.from('{').toString('base64url')}.${body}.x`],
    ['with claims that are no object', forge({ alg: 'HS256' }, [claims], secret)],
    [
      'with an extension that must be understood',
      forge({ alg: 'HS256', crit: ['x'], x: 1 }, claims, secret),
    ],
    [
      'with a payload that is not encoded',
      forge({ alg: 'HS256', crit: ['b64'], b64: false }, claims, secret),
    ],
    ['with white space in its signature', `${head}.${body}. ${signature}`],
    ['with a line break behind it', `${head}.${body}.${signature}\n`],
    ['with padding', `${head}.${body}.${signature}=`],
    ['with more signature', `${head}.${body}.${signature}AAAA`],
    ['with less signature', `${head}.${body}.${signature?.slice(0, 20)}`],
  ])('%s is refused', async (_name, token) => {
    const { connect, enter } = verifier();
    expect(await connect(token)).toBeNull();
    expect(await enter('chat:1', token)).toBe(false);
  });

  test('does not stand for another payload, whichever of its characters is changed', async () => {
    const { publicKey, privateKey } = ec('P-256');
    const keys: TokenKey[] = [hmacKey, { algorithms: ['ES256'], publicKey }];
    const { connect } = verifier({ keys });
    const originals = [await sign(claims), await sign(claims, privateKey, { alg: 'ES256' })];
    const principal = await connect(originals[0]);
    expect(principal).not.toBeNull();
    const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_. =+/é';
    const change = fc.record({
      token: fc.constantFrom(...originals),
      at: fc.nat(),
      character: fc.constantFrom(...characters.split('')),
    });
    const property = fc.asyncProperty(change, async ({ token, at, character }) => {
      const index = at % token.length;
      const changed = `${token.slice(0, index)}${character}${token.slice(index + 1)}`;
      const found = await connect(changed);
      if (found === null) return;
      // Some bits of the last character belong to no byte.
      expect(changed === token || index === token.length - 1).toBe(true);
      expect(signatureOf(changed)).toEqual(signatureOf(token));
      expect(found).toEqual(principal);
    });
    await fc.assert(property, { numRuns: 2_000 });
  });

  test('of more than 8 KiB is refused before its signature is looked at', async () => {
    const { connect, refusals } = verifier();
    const longest = await sign({ ...claims, padding: 'x'.repeat(5_900) });
    expect(longest.length).toBeLessThanOrEqual(8_192);
    expect(await connect(longest)).toMatchObject({ userId: 'ada' });
    expect(await connect(await sign({ ...claims, padding: 'x'.repeat(8_192) }))).toBeNull();
    expect(refusals).toEqual(['It has more than 8192 characters']);
  });

  test('is not explained with its own words', async () => {
    const { connect, refusals } = verifier();
    await connect(forge({ alg: 'HS256', crit: ['my words'], 'my words': 1 }, claims, secret));
    await connect(forge({ alg: 'my words' }, claims, secret));
    expect(refusals).toHaveLength(2);
    expect(refusals.join()).not.toContain('my words');
  });
});

describe('the key', () => {
  test('of an algorithm that is not listed does not count', async () => {
    const { publicKey, privateKey } = rsa();
    const { connect } = verifier({ keys: [hmacKey, { algorithms: ['RS256'], publicKey }] });
    expect(await connect(await sign(good(), secret, { alg: 'HS512' }))).toBeNull();
    expect(await connect(await sign(good(), privateKey, { alg: 'PS256' }))).toBeNull();
    expect(await connect(await sign(good(), privateKey, { alg: 'RS256' }))).not.toBeNull();
  });

  test.each<[string, TokenKey[]]>([
    ['alone', []],
    ['beside a secret', [hmacKey]],
  ])('that is public is no secret to sign with: %s', async (_name, others) => {
    const { publicKey } = rsa();
    const { connect, enter } = verifier({
      keys: [{ algorithms: ['RS256'], publicKey: pem(publicKey) }, ...others],
    });
    const der = publicKey.export({ type: 'spki', format: 'der' });
    for (const known of [pem(publicKey), pem(publicKey).trim(), der, String(jwk(publicKey).n)]) {
      expect(await connect(forge({ alg: 'HS256' }, good(), known))).toBeNull();
      expect(await connect(forge({ alg: 'RS256' }, good(), known))).toBeNull();
      expect(await enter('a', forge({ alg: 'HS256' }, goodFor('a'), known))).toBe(false);
    }
  });

  test('that a token brings or points to does not count, and nothing is fetched', async () => {
    const { publicKey, privateKey } = rsa();
    const attacker = await serveKeys({ ...jwk(publicKey), kid: 'k', alg: 'RS256' });
    const issuer = await serveKeys({ ...jwk(rsa().publicKey), kid: 'k' });
    const { connect } = verifier({
      keys: [{ issuer: 'one', algorithms: ['RS256'], jwksUrl: issuer.url }],
    });
    const headers = [
      { jku: attacker.url },
      { x5u: attacker.url },
      { jwk: jwk(publicKey) },
      { kid: attacker.url },
      { kid: '../../dev/null', jku: attacker.url, jwk: jwk(publicKey) },
    ];
    for (const header of headers) {
      const full = { alg: 'RS256', kid: 'k', ...header };
      expect(await connect(await sign({ ...good(), iss: 'one' }, privateKey, full))).toBeNull();
      const iss = attacker.url;
      expect(await connect(await sign({ ...good(), iss }, privateKey, full))).toBeNull();
    }
    expect(attacker.hits).toBe(0);
    expect(issuer.hits).toBe(1);
  });

  test('of before and of after count while a secret is replaced', async () => {
    const [before, after] = [randomBytes(32), randomBytes(32)];
    const both: TokenKey[] = [
      { algorithms: ['HS256'], secret: after },
      { algorithms: ['HS256'], secret: before },
    ];
    const replacing = verifier({ keys: both });
    expect(await replacing.connect(await sign(good(), before))).not.toBeNull();
    expect(await replacing.connect(await sign(good(), after))).not.toBeNull();
    const replaced = verifier({ keys: both.slice(0, 1) });
    expect(await replaced.connect(await sign(good(), before))).toBeNull();
  });

  test('is copied: changing the bytes afterwards changes nothing', async () => {
    const bytes = randomBytes(32);
    const token = await sign(good(), Buffer.from(bytes));
    const { connect } = verifier({ keys: [{ algorithms: ['HS256'], secret: bytes }] });
    bytes.fill(0);
    expect(await connect(token)).not.toBeNull();
  });
});

describe('the issuer and the audience', () => {
  const [secretOne, secretTwo] = [randomBytes(32), randomBytes(32)];
  const keys: TokenKey[] = [
    { issuer: 'one', algorithms: ['HS256'], secret: secretOne },
    { issuer: 'two', algorithms: ['HS256'], secret: secretTwo },
  ];

  test.each<[string, unknown, Uint8Array, boolean]>([
    ['its own', 'one', secretOne, true],
    ['its own', 'two', secretTwo, true],
    ["another's", 'one', secretTwo, false],
    ["another's", 'two', secretOne, false],
    ['its own, of an issuer that is unknown', 'three', secretOne, false],
    ['its own, without an issuer', undefined, secretOne, false],
    ['its own, of issuers in an array', ['one'], secretOne, false],
    ['its own, of an issuer that begins as one does', 'one/', secretOne, false],
  ])('a token signed with a key: %s (iss %j)', async (_name, iss, key, accepted) => {
    const { connect } = verifier({ keys });
    const token = await sign({ ...good(), iss }, key);
    expect((await connect(token)) !== null).toBe(accepted);
  });

  test('do not matter where no key has an issuer', async () => {
    const { connect } = verifier();
    expect(await connect(await sign({ ...good(), iss: 'anybody' }))).not.toBeNull();
  });

  test.each<[string, TokenVerifierOptions['audience'], unknown, boolean]>([
    ['is the one', 'us', 'us', true],
    ['has the one', 'us', ['them', 'us'], true],
    ['is one of several', ['us', 'we'], 'we', true],
    ['is another', 'us', 'them', false],
    ['begins as the one', 'us', 'us2', false],
    ['is missing', 'us', undefined, false],
    ['is there and none is configured', undefined, 'them', false],
    ['is missing and none is configured', undefined, undefined, true],
  ])('an audience that %s', async (_name, audience, aud, accepted) => {
    const { connect, enter } = verifier(audience === undefined ? {} : { audience });
    const claims = aud === undefined ? {} : { aud };
    expect((await connect(await sign({ ...good(), ...claims }))) !== null).toBe(accepted);
    const answer = await enter('a', await sign({ ...goodFor('a'), ...claims }));
    expect(answer !== false).toBe(accepted);
  });
});

describe('times', () => {
  test('a token that has expired gets error 109, for a connection and a subscription', async () => {
    const { connect, enter } = verifier();
    const late = { iat: now() - hour, exp: now() - 1 };
    await expect(connect(await sign({ ...good(), ...late }))).rejects.toEqual(expired);
    await expect(enter('a', await sign({ ...goodFor('a'), ...late }))).rejects.toEqual(expired);
    // Beyond the tolerance, too, where jose is the one to say so.
    const veryLate = { iat: now() - hour, exp: now() - 600 };
    await expect(connect(await sign({ ...good(), ...veryLate }))).rejects.toEqual(expired);
    await expect(enter('a', await sign({ ...goodFor('a'), ...veryLate }))).rejects.toEqual(expired);
  });

  test('a token expires to the second, whatever the tolerance', async () => {
    const clock = stopClock();
    const { connect } = verifier();
    const token = await sign({ ...good(), exp: now() + 10 });
    clock.advance(9);
    expect(await connect(token)).not.toBeNull();
    clock.advance(1);
    await expect(connect(token)).rejects.toEqual(expired);
  });

  test.each<[string, Claims, SigningKey]>([
    ['a bad signature', {}, 'another secret'],
    ['another audience', { aud: 'them' }, secret],
    ['too long a life', { iat: now() - 25 * hour }, secret],
    ['a start in the future', { nbf: now() + hour }, secret],
  ])('an expired token with %s is refused, not expired', async (_name, claims, key) => {
    const { connect, enter } = verifier({ audience: 'us' });
    const late = { aud: 'us', exp: now() - 600, iat: now() - hour, ...claims };
    expect(await connect(await sign({ ...good(), ...late }, key))).toBeNull();
    expect(await enter('a', await sign({ ...goodFor('a'), ...late }, key))).toBe(false);
  });

  test.each<[string, Partial<TokenVerifierOptions>, () => Claims, boolean]>([
    ['without exp', {}, () => ({ exp: undefined }), false],
    ['without exp, wanted', { maxLifetimeMs: Infinity }, () => ({ exp: undefined }), true],
    ['without exp, a very long life', { maxLifetimeMs: 1e15 }, () => ({ exp: undefined }), false],
    ['of a day', {}, () => ({ exp: now() + 24 * hour }), true],
    ['of a day and a second', {}, () => ({ exp: now() + 24 * hour + 1 }), false],
    ['of a day, from long ago', {}, () => ({ iat: now() - 24 * hour, exp: now() + hour }), false],
    ['of a day, without iat', {}, () => ({ iat: undefined, exp: now() + 24 * hour }), true],
    ['of two days, without iat', {}, () => ({ iat: undefined, exp: now() + 48 * hour }), false],
    ['of a minute', { maxLifetimeMs: 60_000 }, () => ({ exp: now() + 60 }), true],
    ['of more than it', { maxLifetimeMs: 60_000 }, () => ({ exp: now() + 61 }), false],
    ['issued soon', {}, () => ({ iat: now() + 25 }), true],
    ['issued later', {}, () => ({ iat: now() + 40 }), false],
    ['issued later, tolerated', { clockToleranceMs: 60_000 }, () => ({ iat: now() + 40 }), true],
    ['that begins soon', {}, () => ({ nbf: now() + 25 }), true],
    ['that begins later', {}, () => ({ nbf: now() + 40 }), false],
    [
      'that begins later, tolerated',
      { clockToleranceMs: 60_000 },
      () => ({ nbf: now() + 40 }),
      true,
    ],
    [
      'that begins soon, not tolerated',
      { clockToleranceMs: 0 },
      () => ({ nbf: now() + 25 }),
      false,
    ],
    ['with exp as text', {}, () => ({ exp: String(now() + 60) }), false],
    ['with exp null', { maxLifetimeMs: Infinity }, () => ({ exp: null }), false],
    ['with iat as text', {}, () => ({ iat: 'now' }), false],
    ['with expire_at as text', {}, () => ({ expire_at: 'never' }), false],
    ['with expire_at null', {}, () => ({ expire_at: null }), false],
  ])('a token %s', async (_name, options, claims, accepted) => {
    const { connect, enter } = verifier(options);
    expect((await connect(await sign({ ...good(), ...claims() }))) !== null).toBe(accepted);
    const answer = await enter('a', await sign({ ...goodFor('a'), ...claims() }));
    expect(answer !== false).toBe(accepted);
  });

  test.each(['exp', 'iat', 'nbf', 'expire_at'])(
    'a %s beyond all numbers is refused',
    async (name) => {
      const { connect } = verifier({ maxLifetimeMs: Infinity });
      for (const value of ['1e999', '-1e999']) {
        const { [name]: _old, ...rest } = good() as Claims;
        const claims = `{"${name}":${value},${JSON.stringify(rest).slice(1)}`;
        const input = `${encode({ alg: 'HS256' })}.${Buffer.from(claims).toString('base64url')}`;
        const signature = createHmac('sha256', secret).update(input).digest('base64url');
        expect(await connect(`${input}.${signature}`)).toBeNull();
      }
    },
  );

  test('expire_at says when it ends in place of exp, and 0 that it does not', async () => {
    const { connect, enter } = verifier();
    const end = now() + 2 * hour;
    const connection = async (claims: object) =>
      await connect(await sign({ ...good(), ...claims }));
    const subscription = async (claims: object) =>
      await enter('a', await sign({ ...goodFor('a'), ...claims }));
    expect(await connection({ expire_at: end })).toMatchObject({ expiresAt: end * 1_000 });
    expect(await connection({ expire_at: 0 })).not.toHaveProperty('expiresAt');
    expect(await subscription({ expire_at: end })).toEqual({ expiresAt: end * 1_000 });
    expect(await subscription({ expire_at: 0 })).toEqual({});
    // A token is to be used before its exp, whatever lasts longer.
    await expect(connection({ expire_at: 0, exp: now() - 1 })).rejects.toEqual(expired);
    await expect(connection({ expire_at: now() - 1 })).rejects.toEqual(expired);
    await expect(subscription({ expire_at: now() - 1 })).rejects.toEqual(expired);
    await expect(subscription({ expire_at: -1 })).rejects.toEqual(expired);
  });

  test('nothing ends later than in a year', async () => {
    stopClock();
    const { connect, enter } = verifier({ maxLifetimeMs: Infinity });
    const expiresAt = Date.now() + 365 * 24 * hour * 1_000;
    const exp = now() + 1_000 * 24 * hour;
    expect(await connect(await sign({ ...good(), exp }))).toMatchObject({ expiresAt });
    expect(await enter('a', await sign({ ...goodFor('a'), exp }))).toEqual({ expiresAt });
  });
});

describe('principalOf', () => {
  test('is asked with verified claims and the handshake, and its word counts', async () => {
    const principalOf = vi.fn<NonNullable<TokenVerifierOptions['principalOf']>>(
      async ({ sub }, { data }) =>
        data === 'no' ? null : { userId: `user-${sub}`, realm: globex, roles: ['x'] },
    );
    const { connect } = verifier({ principalOf });
    const claims = good();
    expect(await connect(await sign(claims), 'yes')).toEqual({
      userId: 'user-ada',
      realm: globex,
      roles: ['x'],
      issuedAt: claims.iat * 1_000,
      expiresAt: claims.exp * 1_000,
    });
    expect(await connect(await sign(claims), 'no')).toBeNull();
    expect(principalOf).toHaveBeenCalledTimes(2);
    await connect(await sign(claims, 'another secret'));
    await connect(await sign(goodFor('a')));
    await expect(connect(await sign({ ...claims, exp: now() - 1 }))).rejects.toEqual(expired);
    expect(principalOf).toHaveBeenCalledTimes(2);
  });

  test('can end a principal before its token ends, and not after', async () => {
    const end = { at: 0 };
    const principalOf = () => ({ userId: 'ada', realm: acme, roles: [], expiresAt: end.at });
    const { connect } = verifier({ principalOf });
    const claims = good();
    end.at = Date.now() + 5_000;
    expect(await connect(await sign(claims))).toMatchObject({ expiresAt: end.at });
    end.at = Date.now() + 100 * hour * 1_000;
    expect(await connect(await sign(claims))).toMatchObject({
      expiresAt: claims.exp * 1_000,
    });
  });

  test('that fails is an outage, and one that names no realm an error', async () => {
    const failing = verifier({ principalOf: () => Promise.reject(new Error('no database')) });
    await expect(failing.connect(await sign(good()))).rejects.toThrow('no database');
    const wrong = verifier({ principalOf: () => ({ userId: 'ada', roles: [] }) as never });
    await expect(wrong.connect(await sign(good()))).rejects.toThrow("The principal's realm");
  });
});

describe("a key's realm", () => {
  const keys: TokenKey[] = [
    { issuer: 'acme-login', realm: acme, algorithms: ['HS256'], secret },
    { issuer: 'staff-login', realm: PLATFORM, algorithms: ['HS256'], secret },
  ];
  const claimsOf = (iss: string, tenantId?: string): Claims => ({ ...good(), iss, tenantId });

  test.each<[string, Claims, Realm | null]>([
    ['that its token does not name', claimsOf('acme-login'), acme],
    ['that its token names', claimsOf('acme-login', 'acme'), acme],
    ['that is not what its token names', claimsOf('acme-login', 'globex'), null],
    ['that is the platform', claimsOf('staff-login'), PLATFORM],
    ['that is the platform and no tenant', claimsOf('staff-login', 'acme'), null],
  ])('%s', async (_name, claims, realm) => {
    const { connect, enter } = verifier({ keys });
    const principal = await connect(await sign(claims));
    expect(principal?.realm ?? null).toEqual(realm);
    const token = await sign({ ...claims, channel: 'a' });
    if (realm === null) return expect(await enter('a', token)).toBe(false);
    expect(await enter('a', token, { realm })).toHaveProperty('expiresAt');
    await expect(enter('a', token, { realm: globex })).rejects.toEqual(invalid);
  });

  test('holds for what principalOf says, too', async () => {
    const principalOf = () => ({ userId: 'ada', realm: globex, roles: [] });
    const { connect, refusals } = verifier({ keys, principalOf });
    expect(await connect(await sign(claimsOf('acme-login')))).toBeNull();
    expect(refusals).toEqual(['Its key is for another realm']);
  });
});

describe('a subscription token', () => {
  test('opens the room that it names, until its end, with its info', async () => {
    const { enter } = verifier();
    const claims = { ...goodFor('chat:1'), info: { name: 'Ada' } };
    expect(await enter('chat:1', await sign(claims))).toEqual({
      expiresAt: claims.exp * 1_000,
      info: { name: 'Ada' },
    });
    const token = await sign({ ...claims, client: 'client-1' });
    expect(await enter('chat:1', token)).toHaveProperty('expiresAt');
  });

  test.each<[string, Claims, Partial<Principal>]>([
    ['of another channel', { channel: 'chat:2' }, {}],
    ['of channels in an array', { channel: ['chat:1'] }, {}],
    ['without a channel, as a connection token', { channel: undefined }, {}],
    ['of another user', { sub: 'bob' }, {}],
    ['of a user whose number it is', { sub: 7 }, { userId: '7' }],
    ['of an anonymous user', { sub: undefined }, {}],
    ['of a user, for an anonymous one', {}, { userId: '' }],
    ['of another client', { client: 'client-2' }, {}],
    ['of an empty client', { client: '' }, {}],
    ['of another tenant', { tenantId: 'globex' }, {}],
    ["of a user of the same name, in another's tenant", {}, { realm: globex }],
    ['of a tenant, on the platform', {}, { realm: PLATFORM }],
  ])('%s ends the connection', async (_name, claims, principal) => {
    const { enter, refusals } = verifier();
    const token = await sign({ ...goodFor('chat:1'), ...claims });
    await expect(enter('chat:1', token, principal)).rejects.toEqual(invalid);
    expect(refusals).toHaveLength(1);
  });

  test('without a tenant opens nothing, unless the app says so', async () => {
    const token = await sign({ ...goodFor('a'), tenantId: undefined });
    expect(await verifier().enter('a', token)).toBe(false);
    const { enter } = verifier({ allowTenantlessSubscriptions: true });
    expect(await enter('a', token)).toHaveProperty('expiresAt');
    expect(await enter('a', token, { realm: globex })).toHaveProperty('expiresAt');
    await expect(enter('a', token, { userId: 'bob' })).rejects.toEqual(invalid);
    await expect(enter('a', await sign(goodFor('a')), { realm: globex })).rejects.toEqual(invalid);
    const forNobody = await sign({ ...goodFor('a'), tenantId: undefined, sub: '' });
    expect(await enter('a', forNobody, { userId: '' })).toBe(false);
  });

  test('with a malformed tenant opens nothing', async () => {
    const { enter } = verifier({ allowTenantlessSubscriptions: true });
    expect(await enter('a', await sign({ ...goodFor('a'), tenantId: null }))).toBe(false);
  });

  test('with iat and channel alone opens an open server, where it is configured so', async () => {
    const { connect, enter } = verifier({
      keys: [{ algorithms: ['HS256'], secret: 'secret', realm: acme }],
      maxLifetimeMs: Infinity,
      anonymous: () => ({ userId: '', realm: acme, roles: [] }),
    });
    const principal = await connect();
    const token = await sign({ iat: now() - 1_000 * hour, channel: 'test1' }, 'secret');
    expect(await enter('test1', token, principal ?? {})).toEqual({});
    await expect(enter('test2', token, principal ?? {})).rejects.toEqual(invalid);
    expect(await enter('test1', 'invalid', principal ?? {})).toBe(false);
    expect(await connect(token)).toBeNull();
  });
});

describe("an issuer's list of keys", () => {
  const options = (...issuers: [issuer: string, url: string][]) => ({
    keys: issuers.map(
      ([issuer, jwksUrl]): TokenKey => ({ issuer, algorithms: ['RS256', 'ES256'], jwksUrl }),
    ),
  });
  const signBy = async (iss: string, key: KeyObject, header: object) =>
    await sign({ ...good(), iss }, key, header);

  test('is fetched once, and its keys are found by kid', async () => {
    const [first, second] = [rsa(), ec('P-256')];
    const issuer = await serveKeys(
      { ...jwk(first.publicKey), kid: 'a' },
      { ...jwk(second.publicKey), kid: 'b' },
    );
    const { connect } = verifier(options(['one', issuer.url]));
    const [a, b] = [
      { alg: 'RS256', kid: 'a' },
      { alg: 'ES256', kid: 'b' },
    ];
    expect(await connect(await signBy('one', first.privateKey, a))).not.toBeNull();
    expect(await connect(await signBy('one', second.privateKey, b))).not.toBeNull();
    expect(await connect(await signBy('one', rsa().privateKey, a))).toBeNull();
    expect(issuer.hits).toBe(1);
  });

  test('may hold several keys that a token without kid can be signed with', async () => {
    const pairs = [rsa(), rsa()];
    const issuer = await serveKeys(...pairs.map(({ publicKey }) => jwk(publicKey)));
    const { connect } = verifier(options(['one', issuer.url]));
    for (const { privateKey } of pairs) {
      expect(await connect(await signBy('one', privateKey, { alg: 'RS256' }))).not.toBeNull();
    }
    expect(await connect(await signBy('one', rsa().privateKey, { alg: 'RS256' }))).toBeNull();
  });

  test('of another with the same kid is never looked into, whosever was fetched first', async () => {
    const [one, two] = [rsa(), rsa()];
    const header = { alg: 'RS256', kid: 'same' };
    const issuerOne = await serveKeys({ ...jwk(one.publicKey), kid: 'same' });
    const issuerTwo = await serveKeys({ ...jwk(two.publicKey), kid: 'same' });
    const { connect } = verifier(options(['one', issuerOne.url], ['two', issuerTwo.url]));
    expect(await connect(await signBy('one', one.privateKey, header))).not.toBeNull();
    expect(await connect(await signBy('two', one.privateKey, header))).toBeNull();
    expect(await connect(await signBy('two', two.privateKey, header))).not.toBeNull();
    expect(await connect(await signBy('one', two.privateKey, header))).toBeNull();
    expect([issuerOne.hits, issuerTwo.hits]).toEqual([1, 1]);
  });

  test('is not fetched for an issuer or algorithm that is not configured', async () => {
    const { publicKey, privateKey } = rsa();
    const issuer = await serveKeys(jwk(publicKey));
    const { connect } = verifier(options(['one', issuer.url]));
    expect(await connect(await signBy('two', privateKey, { alg: 'RS256' }))).toBeNull();
    expect(await connect(await signBy('one', privateKey, { alg: 'PS256' }))).toBeNull();
    expect(await connect(await sign({ ...good(), iss: 'one' }))).toBeNull();
    expect(issuer.hits).toBe(0);
  });

  test('is fetched again for an unknown kid, and no more often than every 30 s', async () => {
    const clock = stopClock();
    const [before, after] = [rsa(), rsa()];
    const issuer = await serveKeys({ ...jwk(before.publicKey), kid: 'before' });
    const { connect } = verifier(options(['one', issuer.url]));
    const token = await signBy('one', after.privateKey, { alg: 'RS256', kid: 'after' });
    expect(await connect(token)).toBeNull();
    issuer.keys.push({ ...jwk(after.publicKey), kid: 'after' });
    expect(await connect(token)).toBeNull();
    expect(issuer.hits).toBe(1);
    clock.advance(31);
    expect(await connect(token)).not.toBeNull();
    expect(issuer.hits).toBe(2);
  });

  test('that is down is an outage, which is not made worse, and ends', async () => {
    const clock = stopClock();
    const { publicKey, privateKey } = rsa();
    const issuer = await serveKeys({ ...jwk(publicKey), kid: 'a' });
    const { connect, enter, refusals } = verifier(options(['one', issuer.url]));
    const token = await signBy('one', privateKey, { alg: 'RS256', kid: 'a' });
    issuer.status = 503;
    await expect(connect(token)).rejects.toThrow(TokenKeysUnavailableError);
    issuer.status = 200;
    await expect(connect(token)).rejects.toMatchObject({ code: 'TOKEN_KEYS_UNAVAILABLE' });
    await expect(enter('a', token)).rejects.toThrow(
      'The keys of one could not be had from http://',
    );
    expect(issuer.hits).toBe(1);
    clock.advance(5);
    expect(await connect(token)).toMatchObject({ userId: 'ada' });
    expect(issuer.hits).toBe(2);
    expect(refusals).toEqual([]);
  });

  test('that is known serves through an outage, for tokens of a known kid', async () => {
    const clock = stopClock();
    const { publicKey, privateKey } = rsa();
    const issuer = await serveKeys({ ...jwk(publicKey), kid: 'a' });
    const { connect } = verifier(options(['one', issuer.url]));
    const known = await signBy('one', privateKey, { alg: 'RS256', kid: 'a' });
    const unknown = await signBy('one', privateKey, { alg: 'RS256', kid: 'b' });
    expect(await connect(known)).not.toBeNull();
    issuer.status = 503;
    clock.advance(60);
    await expect(connect(unknown)).rejects.toThrow(TokenKeysUnavailableError);
    expect(await connect(known)).not.toBeNull();
  });

  test.each<[string, (issuer: Awaited<ReturnType<typeof serveKeys>>) => void]>([
    ['answers never', (issuer) => (issuer.hangs = true)],
    ['sends us elsewhere', (issuer) => (issuer.status = 302)],
    ['is no list', (issuer) => (issuer.keys = 'none' as never)],
    ['is at a closed port', (issuer) => (issuer.url = 'http://127.0.0.1:1/jwks.json')],
  ])('that %s is an outage', async (_name, breakIt) => {
    const { publicKey, privateKey } = rsa();
    const issuer = await serveKeys(jwk(publicKey));
    breakIt(issuer);
    const { connect } = verifier(options(['one', issuer.url]));
    const startMs = performance.now();
    const token = await signBy('one', privateKey, { alg: 'RS256' });
    await expect(connect(token)).rejects.toThrow(TokenKeysUnavailableError);
    expect(performance.now() - startMs).toBeLessThan(4_000);
  });
});

describe('a verifier is not made', () => {
  const { publicKey, privateKey } = rsa();
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
  const https = 'https://login.example.com/jwks.json';
  const withUrl = (jwksUrl: string) => ({ issuer: 'one', algorithms: ['RS256'], jwksUrl });

  test.each<[string, unknown, string]>([
    [
      'without a source',
      { algorithms: ['HS256'] },
      'one of secret, publicKey and jwksUrl; got none',
    ],
    [
      'of an environment variable that is not set',
      { algorithms: ['HS256'], secret: undefined },
      'got none',
    ],
    [
      'with two sources',
      { algorithms: ['HS256'], secret, publicKey },
      'keys[0] must have one of secret, publicKey and jwksUrl; got secret and publicKey',
    ],
    ['without algorithms', { secret }, 'keys[0].algorithms must list those that count'],
    [
      'with no algorithm',
      { algorithms: [], secret },
      'must list those that count, of HS256, HS384',
    ],
    ['with an algorithm in place of a list', { algorithms: 'HS256', secret }, 'must list'],
    ['with the algorithm none', { algorithms: ['HS256', 'none'], secret }, 'got "none"'],
    ['with an unknown algorithm', { algorithms: ['hs256'], secret }, 'got "hs256"'],
    [
      'with a secret for RS256',
      { algorithms: ['HS256', 'RS256'], secret },
      'lists RS256, for a key of kind rsa; got secret',
    ],
    [
      'with a public key for HS256',
      { algorithms: ['RS256', 'HS256'], publicKey },
      'lists HS256, for a key of kind secret; got rsa',
    ],
    ['with an RSA key for ES256', { algorithms: ['ES256'], publicKey }, 'of kind ec prime256v1'],
    [
      'with a key of another curve',
      { algorithms: ['ES256'], publicKey: ec('P-384').publicKey },
      'got ec secp384r1',
    ],
    ['with a weak key', { algorithms: ['RS256'], publicKey: weak }, '2048 bits or more, got 1024'],
    ['with an empty secret', { algorithms: ['HS256'], secret: '' }, 'keys[0].secret is empty'],
    ['with a secret that is a number', { algorithms: ['HS256'], secret: 7 }, 'got number'],
    [
      'with a public key as secret',
      { algorithms: ['HS256'], secret: pem(publicKey) },
      'keys[0].secret is a PEM key',
    ],
    ['with a private PEM', { algorithms: ['RS256'], publicKey: privatePem }, 'got a private key'],
    ['with a private key', { algorithms: ['RS256'], publicKey: privateKey }, 'got a private key'],
    [
      'with a private JWK',
      { algorithms: ['RS256'], publicKey: jwk(privateKey) },
      'got a private key',
    ],
    [
      'with nonsense for a key',
      { algorithms: ['RS256'], publicKey: 'x' },
      'PEM, JWK, KeyObject or',
    ],
    ['with nonsense for a JWK', { algorithms: ['RS256'], publicKey: {} }, 'PEM, JWK, KeyObject or'],
    ['with a number for a key', { algorithms: ['RS256'], publicKey: 7 }, 'PEM, JWK, KeyObject or'],
    ['with null for a key', { algorithms: ['RS256'], publicKey: null }, 'PEM, JWK, KeyObject or'],
    ['with http', withUrl('http://login.example.com/jwks.json'), 'must be an https URL'],
    ['with a host that only begins so', withUrl('http://localhost.evil.example'), 'an https URL'],
    [
      'with an address that only begins so',
      withUrl('http://127.0.0.1.evil.example'),
      'an https URL',
    ],
    ['with a file', withUrl('file:///etc/keys.json'), 'must be an https URL'],
    ['with no URL', withUrl('jwks.json'), 'must be an https URL'],
    ['with a password in its URL', withUrl('https://a:b@example.com'), 'https URL without a user'],
    [
      'with a URL and a secret algorithm',
      { issuer: 'one', algorithms: ['RS256', 'HS256'], jwksUrl: https },
      'keys[0].algorithms lists HS256, and a jwksUrl has only public keys',
    ],
    [
      'with a URL and no issuer',
      { algorithms: ['RS256'], jwksUrl: https },
      'keys[0] has a jwksUrl and needs an issuer too',
    ],
    ['with an empty issuer', { ...hmacKey, issuer: '' }, 'keys[0].issuer must be the iss'],
    ['with a tenant for a realm', { ...hmacKey, realm: 'acme' }, 'keys[0].realm must be { kind:'],
  ])('of a key %s', (_name, key, message) => {
    const make = () => new TokenVerifier({ keys: [key as TokenKey] });
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  test.each<[string, Partial<TokenVerifierOptions>, string]>([
    ['no keys', { keys: [] }, 'keys must list at least one key'],
    ['one key', { keys: hmacKey as never }, 'keys must list at least one key'],
    [
      'a key of any issuer beside one',
      { keys: [hmacKey, { ...hmacKey, issuer: 'one' }] },
      'Either',
    ],
    ['no audience', { audience: [] }, 'audience must be a name or several'],
    ['an empty audience', { audience: '' }, 'audience must be a name or several'],
    ['a life of 0', { maxLifetimeMs: 0 }, 'maxLifetimeMs must be a number above 0, got 0'],
    ['a life as text', { maxLifetimeMs: '24h' as never }, 'got 24h'],
    ['endless tolerance', { clockToleranceMs: Infinity }, 'clockToleranceMs must be a finite'],
    ['negative tolerance', { clockToleranceMs: -1 }, 'clockToleranceMs must be a finite'],
  ])('of %s', (_name, options, message) => {
    const make = () => new TokenVerifier({ keys: [hmacKey], ...options });
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  test('with an error that tells a secret', () => {
    const make = () =>
      new TokenVerifier({ keys: [{ algorithms: ['RS256'], secret: 'my-secret' }] });
    expect(make).toThrow(/^((?!my-secret).)*$/s);
  });

  test.each(['http://localhost:1/', 'http://127.0.0.1:1/', 'http://[::1]:1/', https])(
    'without reason: %s is fine',
    (jwksUrl) => {
      expect(() => verifier({ keys: [withUrl(jwksUrl) as TokenKey] })).not.toThrow();
      expect(() =>
        verifier({ keys: [withUrl(new URL(jwksUrl) as never) as TokenKey] }),
      ).not.toThrow();
    },
  );
});
