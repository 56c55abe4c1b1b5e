import {
  describeRealm,
  isRealm,
  isSameRealm,
  isTenantId,
  PLATFORM,
  tenantRealm,
} from '@trunkline/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainId, realm } from './arbitraries.ts';

const noTenantIds = [
  undefined,
  null,
  '',
  0,
  7,
  {},
  ['acme'],
  'a b',
  'a:b',
  'a.b',
  'acmé',
  'acme\n',
];

describe('a tenant id', () => {
  it('is 1 to 64 letters, digits, underscores and dashes', () => {
    fc.assert(fc.property(plainId, (id) => isTenantId(id)));
    expect(isTenantId('x'.repeat(64))).toBe(true);
    expect(isTenantId('x'.repeat(65))).toBe(false);
  });

  it.each(noTenantIds)('is not %j', (id) => {
    expect(isTenantId(id)).toBe(false);
    expect(() => tenantRealm(id as string)).toThrow(TypeError);
  });
});

describe('a realm', () => {
  it('is the same as itself and as no other', () => {
    fc.assert(
      fc.property(realm, realm, (a, b) => {
        expect(isSameRealm(a, { ...a })).toBe(true);
        expect(isSameRealm(a, b)).toBe(JSON.stringify(a) === JSON.stringify(b));
        expect(isSameRealm(b, a)).toBe(isSameRealm(a, b));
      }),
    );
  });

  it('of a tenant is never the platform, whatever the tenant is called', () => {
    for (const name of ['platform', 'p', 'PLATFORM', '_', '-']) {
      expect(isSameRealm(tenantRealm(name), PLATFORM)).toBe(false);
    }
  });

  it('is recognised in data of unknown origin', () => {
    fc.assert(fc.property(realm, (value) => isRealm(JSON.parse(JSON.stringify(value)))));
  });

  it.each([
    undefined,
    null,
    'platform',
    {},
    { kind: 'Platform' },
    { kind: 'tenant' },
    { tenantId: 'acme' },
    ...noTenantIds.map((tenantId) => ({ kind: 'tenant', tenantId })),
  ])('is not %j', (value) => {
    expect(isRealm(value)).toBe(false);
  });

  it('cannot be changed where everybody shares it', () => {
    expect(Object.isFrozen(PLATFORM)).toBe(true);
  });

  it('is described in words', () => {
    expect(describeRealm(tenantRealm('acme'))).toBe('tenant acme');
    expect(describeRealm(PLATFORM)).toBe('the platform');
  });
});
