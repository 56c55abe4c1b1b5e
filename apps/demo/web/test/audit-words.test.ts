import { expect, test } from 'vitest';
import type { AuditRecord } from '../src/platform/audit.ts';
import { actorOf, detailOf, titleOf } from '../src/platform/audit-words.ts';
import { formatSecond } from '../src/ui/times.ts';

const NOON = Date.UTC(2026, 2, 3, 12);
const acme = { kind: 'tenant', tenantId: 'acme' } as const;
const record = (fields: Partial<AuditRecord>): AuditRecord => ({
  id: '01',
  at: NOON,
  action: 'support-view',
  outcome: 'allowed',
  ...fields,
});

test('what has happened, and who it was', () => {
  expect(titleOf(record({ action: 'cross-tenant' }))).toBe('Cross tenant');
  expect(actorOf({ userId: 'ben', realm: acme })).toBe('ben in acme');
  expect(actorOf({ userId: 'root', realm: { kind: 'platform' } })).toBe('root of the platform');
  expect(actorOf({ userId: '', realm: acme })).toBe('anonymous in acme');
  expect(actorOf({ realm: acme })).toBe('somebody in acme');
  expect(actorOf({})).toBe('–');
});

const by = { userId: 'root', realm: { kind: 'platform' } };

test.each([
  [
    {
      reason: 'Ticket 4711: it-hangs',
      details: { by, expiresAt: NOON },
      address: '::ffff:10.0.0.1',
    },
    `Ticket 4711: it-hangs · by root of the platform · until ${formatSecond(NOON)} · from 10.0.0.1`,
  ],
  [
    { details: { by, path: '/api/users', method: 'GET', suppressed: 2 } },
    'by root of the platform · /api/users · GET · 2 more like it',
  ],
  [
    { reason: 'log-out', room: 'chat:7', details: { what: 'left-room' } },
    'log out · chat:7 · left room',
  ],
  [
    { reason: 'refresh-as-another', details: { asked: { userId: 'ben', realm: acme } } },
    'refresh as another · asked to be ben in acme',
  ],
  [
    { reason: 'not-subscribed', details: { command: 'connect', channels: 3 } },
    'not subscribed · command connect · 3 channels',
  ],
  [
    { reason: 'maxRooms', details: { origin: 'https://evil.test' } },
    'maxRooms · origin https://evil.test',
  ],
  [{}, ''],
])('the details as words: %o', (fields, words) => {
  expect(detailOf(record(fields))).toBe(words);
});
