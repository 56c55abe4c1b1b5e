import { Logger } from '@nestjs/common';
import type { AuditRecord } from '@trunkline/server';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { AuditStore } from '@/audit/audit.store';
import { Database, openPglite } from '@/infrastructure/database/database';
import { auditRecords } from '@/infrastructure/database/schema';

let database: Database;

beforeAll(async () => {
  database = await openPglite();
  return () => database.close();
});

beforeEach(async () => {
  await database.queries.delete(auditRecords);
});

afterEach(() => {
  vi.restoreAllMocks();
});

test('what was recorded is there, newest first', async () => {
  const store = new AuditStore(database);
  const realm = { kind: 'tenant', tenantId: 'acme' } as const;
  store.record({ ...record(1), realm, userId: 'ada', room: 'chat:1', details: { a: [1] } });
  store.record(record(2));
  expect(await store.newest(10)).toEqual([
    record(2),
    { ...record(1), realm, userId: 'ada', room: 'chat:1', details: { a: [1] } },
  ]);
  expect(await store.newest(1)).toEqual([record(2)]);
});

test('what was put on record a moment after it happened has its place', async () => {
  const store = new AuditStore(database);
  for (const one of [record(2), record(3), { ...record(4), at: record(1).at }]) store.record(one);
  const ids = (await store.newest(10)).map(({ id }) => id);
  expect(ids).toEqual([record(3).id, record(2).id, record(4).id]);
});

test('the newest ten thousand are kept, more or less', async () => {
  const store = new AuditStore(database);
  for (let part = 0; part < 3; part++) {
    for (let i = 1; i <= 4000; i++) store.record(record(part * 4000 + i));
    await store.newest(1);
  }
  const kept = await database.queries.$count(auditRecords);
  expect(kept).toBeGreaterThanOrEqual(10_000);
  expect(kept).toBeLessThanOrEqual(10_500);
  expect((await store.newest(1))[0]).toEqual(record(12_000));
});

test('a database that fails is told in the log and to nobody else; later records are kept', async () => {
  const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
  let isBroken = true;
  const shaky = new Database({} as never, undefined as never, async () => {});
  Object.defineProperty(shaky, 'queries', {
    get: () => {
      if (isBroken) throw new Error('disk full');
      return database.queries;
    },
  });
  const store = new AuditStore(shaky);
  store.record(record(1));
  await store.onApplicationShutdown();
  expect(error.mock.calls.flat()).toEqual([
    'Audit records cannot be written: Error: disk full',
    '1 audit records are lost',
  ]);
  isBroken = false;
  store.record(record(2));
  expect(await store.newest(10)).toEqual([record(2)]);
});

test('a flood does not fill the memory', async () => {
  const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
  const store = new AuditStore(database);
  for (let i = 1; i <= 6000; i++) store.record(record(i));
  await store.newest(1);
  expect(error).toHaveBeenCalledExactlyOnceWith(
    expect.stringMatching(/^\d+ audit records are lost$/),
  );
  expect(await database.queries.$count(auditRecords)).toBeGreaterThanOrEqual(5000);
});

function record(number: number): AuditRecord {
  const id = `01J${String(number).padStart(23, '0')}`;
  return {
    id,
    node: 'one',
    at: 1_700_000_000_000 + number,
    action: 'access-denied',
    outcome: 'denied',
  };
}
