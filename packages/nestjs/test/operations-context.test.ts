// Whose an operation is, and who asks for one: by the context that the code runs in (design D5).
import { PLATFORM, tenantRealm } from '@trunkline/contract';
import {
  CrossTenantError,
  currentPrincipal,
  InvalidAddressError,
  runAs,
  runAsPlatform,
  SupportViewError,
  TenantRequiredError,
} from '@trunkline/nestjs';
import { type AuditEntry, type Principal, supportView } from '@trunkline/server';
import { beforeEach, describe, expect, test } from 'vitest';
import { runInContext } from '../src/context.ts';
import { AmbientOperationContext } from '../src/operation-context.ts';
import { ada, cleo, root } from './harness.ts';
import { bob } from './operations-harness.ts';

const audited: AuditEntry[] = [];
const context = new AmbientOperationContext({ audit: (entry) => void audited.push(entry) });
beforeEach(() => {
  audited.length = 0;
});

const acme = tenantRealm('acme');
const globex = tenantRealm('globex');
const anonymous: Principal = { ...ada, userId: '', roles: [] };
const visitor: Principal = { userId: '', realm: PLATFORM, roles: [] };
const support = supportView(root, 'acme', { reason: 'test', roles: ['admins'] });

const start = (named: object = {}) => context.ownerOf('operations.start', named);
const get = (named: object = {}) => context.callerOf('operations.get', named);
/** As an HTTP request of nobody does. */
const asNobody = <T>(fn: () => T) => runInContext({ principal: null, isPrivileged: false }, fn);

describe('a new operation is', () => {
  test('of who acts, with their roles', () => {
    const { userId, realm, roles } = ada;
    expect(runAs(ada, () => start())).toEqual({ userId, realm, roles });
    expect(runAs(root, () => start())).toMatchObject({ userId: 'root', realm: PLATFORM });
  });

  test('of the user that is named, whose roles are only known where that is who acts', () => {
    expect(runAs(ada, () => start({ userId: 'ada' })).roles).toEqual(['admins']);
    expect(runAs(ada, () => start({ userId: 'bob' }))).toEqual({
      userId: 'bob',
      realm: acme,
      roles: [],
    });
    expect(runAs(root, () => start({ tenantId: 'acme', userId: 'root' })).roles).toEqual([]);
    expect(runAs(ada, () => start({ userId: 42 })).userId).toBe('42');
  });

  test('in the tenant that is named, where nothing around the call says one', () => {
    const named = { tenantId: 'acme', userId: 'bob' };
    const owner = { userId: 'bob', realm: acme, roles: [] };
    expect(start(named)).toEqual(owner);
    expect(asNobody(() => start(named))).toEqual(owner);
    expect(runAs(root, () => start(named))).toEqual(owner);
    expect(runAs(ada, () => start(named))).toEqual(owner);
    expect(runAs(cleo, () => runAsPlatform(() => start(named)))).toEqual(owner);
  });

  test('of nobody’s tenant an error that says what to write', () => {
    for (const act of [
      start,
      () => asNobody(start),
      () => runAs(ada, () => runAsPlatform(start)),
    ]) {
      expect(act).toThrow(TenantRequiredError);
      expect(act).toThrow(/^operations\.start needs a tenant.*Pass \{ tenantId \}/);
      expect(act).not.toThrow(/forTenant/);
    }
  });

  test.each<[string, () => unknown, RegExp]>([
    [
      'an anonymous user',
      () => runAs(anonymous, () => start()),
      /who acts here is anonymous: pass/,
    ],
    ['staff in a tenant', () => runAs(root, () => start({ tenantId: 'acme' })), /nobody of tenant/],
    ['nobody', () => start({ tenantId: 'acme' }), /nobody of tenant .*acme.* acts here: pass/],
    [
      'the app itself',
      () => runAs(ada, () => runAsPlatform(() => start({ tenantId: 'acme' }))),
      /nobody of tenant .*acme.* acts here: pass \{ userId \}/,
    ],
    ['an empty id', () => runAs(ada, () => start({ userId: '' })), /It is never "everyone"/],
    ['an id that is null', () => runAs(ada, () => start({ userId: null })), /got null/],
    ['no tenant', () => runAs(root, () => start({ tenantId: '', userId: 'x' })), /a tenant id/],
  ])('of %s an error that says what to write', (_, act, message) => {
    expect(act).toThrow(InvalidAddressError);
    expect(act).toThrow(message);
  });

  test('never another tenant’s; who tried is put on record', () => {
    for (const who of [ada, anonymous, support]) {
      const act = () => runAs(who, () => get({ tenantId: 'globex' }));
      expect(act).toThrow(expect.objectContaining({ from: acme, to: globex }));
    }
    expect(() => runAs(cleo, () => start({ tenantId: 'acme', userId: 'cleo' }))).toThrow(
      /^operations\.start was called on behalf of tenant .*globex.* and addresses tenant .*acme/,
    );
    expect(audited.at(-1)).toMatchObject({
      action: 'cross-tenant',
      outcome: 'denied',
      realm: globex,
      userId: 'cleo',
      details: { method: 'operations.start' },
    });
    expect(audited).toHaveLength(4);
  });

  test('never started by a support view, unless the platform itself does it', () => {
    expect(() => runAs(support, () => start())).toThrow(SupportViewError);
    expect(() => runAs(support, () => start({ userId: 'ada' }))).toThrow(SupportViewError);
    const named = { tenantId: 'acme', userId: 'ada' };
    expect(runAs(support, () => runAsPlatform(() => start(named)))).toEqual({
      userId: 'ada',
      realm: acme,
      roles: [],
    });
  });
});

describe('who asks is', () => {
  test('who acts, in their realm', () => {
    expect(runAs(ada, () => get())).toEqual({ realm: acme, principal: ada });
    expect(runAs(ada, () => get({ tenantId: 'acme' }))).toEqual({ realm: acme, principal: ada });
    expect(runAs(root, () => get())).toEqual({ realm: PLATFORM, principal: root });
    expect(runAs(anonymous, () => get()).principal).toMatchObject({ userId: '' });
  });

  test('the app itself: outside any request, inside runAsPlatform, and staff that names a tenant', () => {
    const itself = { realm: acme, principal: null };
    const ask = () => get({ tenantId: 'acme' });
    expect(ask()).toEqual(itself);
    expect(runAs(cleo, () => runAsPlatform(ask))).toEqual(itself);
    expect(runAs(root, ask)).toEqual(itself);
  });

  test('never the app itself for a user of a tenant, nor for who is nobody', () => {
    const ask = () => get({ tenantId: 'acme' });
    for (const who of [ada, bob, anonymous, support]) {
      expect(runAs(who, ask).principal).toMatchObject({ userId: who.userId });
    }
    const stranger = { userId: '', realm: acme, roles: [] };
    expect(asNobody(ask).principal).toEqual(stranger);
    expect(runAs(visitor, ask).principal).toEqual(stranger);
  });

  test('an error outside any tenant', () => {
    for (const act of [get, () => asNobody(get), () => runAs(ada, () => runAsPlatform(get))]) {
      expect(act).toThrow(TenantRequiredError);
    }
    for (const tenantId of ['', null, 'a/b', 7]) {
      expect(() => get({ tenantId })).toThrow(InvalidAddressError);
    }
  });

  test.each(['operations.cancel', 'operations.retry'])('no support view for %s', (method) => {
    const change = () => context.callerOf(method, {});
    expect(() => runAs(support, change)).toThrow(SupportViewError);
    expect(runAs(ada, change).principal).toEqual(ada);
    expect(runAs(support, () => get()).principal).toMatchObject({ userId: 'support:root' });
  });
});

describe('work', () => {
  test('of a handler runs as its owner, in no page’s name', () => {
    const owner = { userId: 'bob', realm: acme, roles: ['accounting'] };
    const acting = runAs(ada, () => context.runAs(owner, () => currentPrincipal()));
    expect(acting).toEqual(owner);
  });
});

describe('whom a call names itself, with { as }', () => {
  const admit = (principal: Principal) => context.admit('operations.get', principal);

  test('is of the tenant that acts', () => {
    expect(() => runAs(ada, () => admit(bob))).not.toThrow();
    expect(() => runAs(ada, () => admit(cleo))).toThrow(CrossTenantError);
    expect(() => runAs(ada, () => admit(root))).toThrow(CrossTenantError);
    expect(audited).toMatchObject([{ action: 'cross-tenant', outcome: 'denied', realm: acme }]);
  });

  test('lets a support view look, and change nothing', () => {
    const acting = (method: string) => () => runAs(support, () => context.admit(method, support));
    expect(acting('operations.get')).not.toThrow();
    for (const method of ['run', 'start', 'attempt', 'cancel', 'retry']) {
      expect(acting(`operations.${method}`)).toThrow(SupportViewError);
    }
  });

  test('is anybody, where the platform or the app itself acts', () => {
    for (const principal of [bob, cleo, root]) {
      expect(() => admit(principal)).not.toThrow();
      expect(() => runAs(root, () => admit(principal))).not.toThrow();
      expect(() => runAs(ada, () => runAsPlatform(() => admit(principal)))).not.toThrow();
    }
  });
});
