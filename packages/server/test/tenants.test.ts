import { tenantRealm } from '@trunkline/contract';
import { defaultLimits, type TenantLimits } from '@trunkline/server';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Tenants } from '../src/tenants.ts';

const acme = tenantRealm('acme');
const MINUTE_MS = 60_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function started(limitsFor: (tenantId: string) => Partial<TenantLimits> | undefined) {
  const errors: unknown[] = [];
  const tenants = new Tenants({
    limits: defaultLimits,
    limitsFor,
    onError: (error) => errors.push(error),
    onExceeded: () => {},
  });
  tenants.start();
  return { tenants, errors };
}

test('limits are asked for again once a minute, while the tenant is here', () => {
  let publishesPerSecond = 10;
  const { tenants } = started(() => ({ publishesPerSecond }));
  const tenant = tenants.of(acme);
  tenant.connections = 1;
  expect(tenant.limits.publishesPerSecond).toBe(10);
  publishesPerSecond = 20;
  expect(tenants.of(acme).limits.publishesPerSecond).toBe(10);
  vi.advanceTimersByTime(MINUTE_MS);
  expect(tenants.of(acme)).toBe(tenant);
  expect(tenant.limits.publishesPerSecond).toBe(20);
});

test('what held so far goes on to hold when the hook fails', () => {
  let isDown = false;
  const { tenants, errors } = started(() => {
    if (isDown) throw new Error('database down');
    return { maxConnectionsPerTenant: 50_000 };
  });
  const tenant = tenants.of(acme);
  tenant.connections = 20_000;
  isDown = true;
  vi.advanceTimersByTime(MINUTE_MS);
  expect(tenant.limits.maxConnectionsPerTenant).toBe(50_000);
  expect(errors).toHaveLength(1);
  expect(tenants.of(tenantRealm('globex')).limits).toMatchObject({
    maxConnectionsPerTenant: 5_000,
  });
});

test("a limit that is not a tenant's is an error of the hook, and changes nothing", () => {
  const { tenants, errors } = started(() => ({ maxMessageBytes: 1 }) as object);
  expect(tenants.of(acme).limits).not.toHaveProperty('maxMessageBytes');
  expect(String(errors[0])).toMatch(/maxMessageBytes holds for the whole node/);
});

test('who has gone is forgotten, with what was used only when it is there again', () => {
  const { tenants } = started(() => undefined);
  const tenant = tenants.of(acme);
  for (let n = 0; n < 2_000; n += 1) tenant.publishes.take();
  expect(tenants.of(acme).publishes.take()).toBe(false);
  vi.advanceTimersByTime(MINUTE_MS);
  expect(tenants.size).toBe(0);
});
