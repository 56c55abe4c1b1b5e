import { PLATFORM, TENANT_HEADER } from '@trunkline/contract';
import { checkPrincipal, type Principal, requestedTenant, supportView } from '@trunkline/server';
import { expect, onTestFinished, test, vi } from 'vitest';
import { acme, RawClient, serve } from './harness.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const root: Principal = { userId: 'root', realm: PLATFORM, roles: ['admins'] };

/** Stops the clock. */
function stopClock(): number {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  return Date.now();
}

test('is a principal of the tenant, of another user, for half an hour and without roles', () => {
  const now = stopClock();
  expect(supportView(root, 'acme', { reason: 'ticket 7' })).toEqual({
    userId: 'support:root',
    realm: acme,
    roles: [],
    issuedAt: now,
    expiresAt: now + 30 * MINUTE_MS,
    claims: { actingAs: { userId: 'root', realm: PLATFORM }, reason: 'ticket 7' },
  });
});

test('has the roles and the time that it is given, but no more time than its staff has', () => {
  const now = stopClock();
  const options = { reason: 'ticket 7', durationMs: 8 * HOUR_MS, roles: ['viewers'] };
  expect(supportView(root, 'acme', options)).toMatchObject({
    roles: ['viewers'],
    expiresAt: now + 8 * HOUR_MS,
  });
  const leaving = { ...root, expiresAt: now + MINUTE_MS };
  expect(supportView(leaving, 'acme', options)).toMatchObject({ expiresAt: now + MINUTE_MS });
});

const view = { reason: 'ticket 7' };

test.each<[string, () => Principal, string]>([
  ['who is of a tenant', () => supportView({ ...root, realm: acme }, 'acme', view), 'is for staff'],
  ['nobody in particular', () => supportView({ ...root, userId: '' }, 'acme', view), 'for staff'],
  ['no principal', () => supportView({} as Principal, 'acme', view), "principal's userId"],
  ['what is no tenant', () => supportView(root, 'a:b', view), 'A tenant id is'],
  ['no tenant', () => supportView(root, undefined as never, view), 'A tenant id is'],
  ['an empty reason', () => supportView(root, 'acme', { reason: ' ' }), 'needs a reason'],
  ['no reason', () => supportView(root, 'acme', {} as never), 'needs a reason'],
  [
    'more than 8 hours',
    () => supportView(root, 'acme', { ...view, durationMs: 8 * HOUR_MS + 1 }),
    'at most 28800000 (8 hours), got 28800001',
  ],
  ['no time', () => supportView(root, 'acme', { ...view, durationMs: 0 }), 'above 0'],
  ['NaN', () => supportView(root, 'acme', { ...view, durationMs: Number.NaN }), 'got NaN'],
  [
    'what is no role',
    () => supportView(root, 'acme', { ...view, roles: ['a b'] }),
    "principal's roles",
  ],
])('there is none for %s', (_what, make, words) => {
  expect(make).toThrow(TypeError);
  expect(make).toThrow(words);
});

const actingAs = { userId: 'root', realm: PLATFORM };
const claiming = (claims: object, changes: Partial<Principal> = {}) =>
  checkPrincipal({
    userId: 'support:root',
    realm: acme,
    roles: [],
    expiresAt: Date.now() + HOUR_MS,
    claims,
    ...changes,
  });

test.each<[string, () => Principal, string]>([
  [
    'without an end',
    () => checkPrincipal({ userId: 'a', realm: acme, roles: [], claims: { actingAs } }),
    'must have an expiresAt within 8 hours',
  ],
  [
    'with a far end',
    () => claiming({ actingAs }, { expiresAt: Date.now() + 8 * HOUR_MS + 1_000 }),
    'must have an expiresAt within 8 hours',
  ],
  ['on the platform', () => claiming({ actingAs }, { realm: PLATFORM }), 'its realm must be one'],
  ['of nobody', () => claiming({ actingAs: 'root' }), 'claims.actingAs must be'],
  ['of a tenant', () => claiming({ actingAs: { userId: 'a', realm: acme } }), 'actingAs must be'],
])('a principal that acts as somebody is refused: %s', (_what, make, words) => {
  expect(make).toThrow(TypeError);
  expect(make).toThrow(words);
});

test('a principal that acts as somebody for a while passes, and one without claims of that kind', () => {
  expect(claiming({ actingAs }).claims).toEqual({ actingAs });
  expect(claiming({ actingAs: null })).toBeDefined();
  expect(claiming({ role: 'x' })).toBeDefined();
});

test('each connect is put on record, and the connection ends with the view', async () => {
  const principal = supportView(root, 'acme', { reason: 'ticket 7', durationMs: 300 });
  const server = await serve({ authenticate: () => principal });
  const client = await new RawClient(server.url).open();
  const { connect } = await client.ask(1, { connect: {} });
  expect(connect?.data).toEqual({ userId: 'support:root', realm: acme });
  expect(server.audit.records).toEqual([
    {
      id: expect.any(String),
      node: server.node.id,
      at: expect.any(Number),
      action: 'support-view',
      outcome: 'allowed',
      realm: acme,
      userId: 'support:root',
      clientId: connect?.client,
      address: expect.any(String),
      reason: 'ticket 7',
      details: { by: actingAs, expiresAt: principal.expiresAt },
    },
  ]);
  expect(await client.closed()).toBe(3005);
});

test('when something was issued is a number or unknown', () => {
  const person = { userId: 'ada', realm: acme, roles: [] };
  expect(checkPrincipal(person)).not.toHaveProperty('issuedAt');
  expect(checkPrincipal({ ...person, issuedAt: 7 }).issuedAt).toBe(7);
  const make = () => checkPrincipal({ ...person, issuedAt: Number.NaN });
  expect(make).toThrow("The principal's issuedAt must be milliseconds since 1970");
});

test.each<[string, { data?: unknown; header?: string }, string | null]>([
  ['nothing', {}, null],
  ['data that names none', { data: { theme: 'dark' } }, null],
  ['data of another kind', { data: 'acme' }, null],
  ['the data', { data: { tenantId: 'acme' } }, 'acme'],
  ['the header', { header: 'acme' }, 'acme'],
  ['both: the data', { data: { tenantId: 'acme' }, header: 'globex' }, 'acme'],
  ['a malformed one, as it is', { data: { tenantId: 'a b' }, header: 'acme' }, 'a b'],
  ['an empty one, as it is', { data: { tenantId: '' } }, ''],
  ['one of another type, which is none', { data: { tenantId: ['acme'] } }, '["acme"]'],
  ['two headers, which are none', { header: 'acme, globex' }, 'acme, globex'],
])('the tenant that a page asks for is read from %s', (_what, { data, header }, tenant) => {
  const headers = header === undefined ? {} : { [TENANT_HEADER]: header };
  expect(requestedTenant({ headers, url: '/', remoteAddress: '', data })).toBe(tenant);
});
