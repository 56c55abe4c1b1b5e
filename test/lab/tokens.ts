import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
} from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { compactToken } from '../../packages/server/test/compact-token.ts';
import { type Attack, commandFrame, crew, enter, type Target } from './attack.ts';
import type { ServerSetup } from './server.ts';

const SECRET = 'a-secret-of-the-lab-that-is-long-enough';
// Made anew for each run; the attacker's process inherits it.
process.env['LAB_PRIVATE_KEY'] ??= newPrivateKey();
const privateKey = createPrivateKey(process.env['LAB_PRIVATE_KEY']);
const publicPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();

/** A server that believes two issuers: `a` for any tenant, `b` for one. */
export const signedTokens: ServerSetup = {
  keys: [
    { issuer: 'a', algorithms: ['HS256'], secret: SECRET },
    {
      issuer: 'b',
      algorithms: ['RS256'],
      publicKey: publicPem,
      realm: { kind: 'tenant', tenantId: 'globex' },
    },
  ],
};

const now = () => Math.floor(Date.now() / 1_000);
const good = () => ({ iss: 'a', sub: 'eve', tenantId: 'evil', iat: now(), exp: now() + 600 });
const hs256 = (claims: object, header: object = {}) =>
  compactToken({ alg: 'HS256', ...header }, claims, (text) =>
    createHmac('sha256', SECRET).update(text).digest(),
  );
const rs256 = (claims: object, header: object = {}) =>
  compactToken({ alg: 'RS256', ...header }, claims, (text) =>
    sign('sha256', Buffer.from(text), privateKey),
  );

/** Tokens of one user that differ and are all good. */
export function goodTokens(userId: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => hs256({ ...good(), sub: userId, jti: `${n}` }));
}

/** S7–S13: tokens that open nothing. */
export const tokens: readonly Attack[] = [
  attempt('(a good token, for comparison)', () => hs256(good()), 'let in'),
  attempt('S7 `alg: none`', () => compactToken({ alg: 'none' }, good(), () => Buffer.alloc(0))),
  attempt('S7 `alg: none` with a signature', () =>
    compactToken({ alg: 'none' }, good(), () => Buffer.from('x')),
  ),
  attempt('S7 An algorithm that is not listed', () => hs256(good(), { alg: 'HS512' })),
  attempt('S7 HS256, signed with the RSA public key', () =>
    compactToken({ alg: 'HS256' }, { ...good(), iss: 'b', tenantId: 'globex' }, (text) =>
      createHmac('sha256', publicPem).update(text).digest(),
    ),
  ),
  attempt('S7 A signature that is another’s', () => `${hs256(good()).slice(0, -4)}AAAA`),
  attempt('S7 An issuer that nobody knows', () => hs256({ ...good(), iss: 'c' })),
  attempt('S7 An audience', () => hs256({ ...good(), aud: 'elsewhere' })),
  attempt('S7 No `exp`', () => hs256({ ...good(), exp: undefined })),
  attempt('S7 A life of 25 h', () => hs256({ ...good(), exp: now() + 25 * 3_600 })),
  attempt('S7 `nbf` in an hour', () => hs256({ ...good(), nbf: now() + 3_600 })),
  attempt('S8 No tenant', () => hs256({ ...good(), tenantId: undefined })),
  attempt('S8 A tenant that is no id', () => hs256({ ...good(), tenantId: '../globex' })),
  attempt('S9 `jku` and `jwk` in the header', () =>
    rs256({ ...good(), iss: 'c' }, { jku: 'http://127.0.0.1:9/keys', jwk: { kty: 'RSA' } }),
  ),
  attempt('S10 Issuer b for the tenant of a', () => rs256({ ...good(), iss: 'b' })),
  attempt('S11 Expired', () => hs256({ ...good(), exp: now() - 1 }), 'error 109'),
  attempt('A token of 40 KB', () => hs256({ ...good(), x: 'x'.repeat(40_000) })),
  {
    name: 'S12 Past its `exp`, never refreshed',
    expected: ['3005', 'gone at most 5.5 s after its end'],
    setup: signedTokens,
    durationMs: 9_000,
    rounds: 1,
    isShared: true,
    run: async (target) => {
      await Promise.all(Array.from({ length: 10 }, (_, n) => outlive(target, n)));
    },
  },
  {
    name: 'S13 Refreshed with the token of another user',
    expected: ['3500'],
    setup: signedTokens,
    durationMs: 1_500,
    rounds: 1,
    isShared: true,
    run: async (target) =>
      await crew(target, 4, async (n) => {
        const socket = await enter(target, hs256(good()), n);
        target.spend();
        const token = hs256({ ...good(), sub: 'ada' });
        socket?.write(commandFrame({ id: 2, refresh: { token } }));
        await socket?.closed();
      }),
  },
];

function newPrivateKey(): string {
  const { privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function attempt(name: string, tokenOf: () => string, answered = '3500'): Attack {
  return {
    name,
    expected: [answered],
    setup: signedTokens,
    durationMs: 1_500,
    rounds: 1,
    isShared: true,
    run: async (target) =>
      await crew(target, 4, async (n) => {
        target.spend();
        const socket = await enter(target, tokenOf(), n);
        if (socket && !target.isOver()) target.count('let in');
        socket?.tcp.destroy();
      }),
  };
}

/** A token of two seconds: how long after its end does its connection live? */
async function outlive(target: Target, n: number): Promise<void> {
  const exp = now() + 2;
  const socket = await enter(target, hs256({ ...good(), sub: `u${n}`, exp }), n);
  target.spend();
  await Promise.race([socket?.closed(), sleep(9_000)]);
  const seconds = Date.now() / 1_000 - exp;
  target.count(seconds <= 5.5 ? 'gone at most 5.5 s after its end' : 'LATE');
  socket?.tcp.destroy();
}
