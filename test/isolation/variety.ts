import { PRESENCE_CALL, TYPING_CALL } from '@trunkline/contract';
import { expect } from 'vitest';
import { forgeries } from './accounts.ts';
import { CONFUSIONS, ROOM_APIS } from './confusions.ts';
import { DEEDS, SENDS } from './orders.ts';
import { STANDINGS } from './service-acts.ts';
import type { Tally } from './tally.ts';

/** What clients do for themselves. */
const LAWFUL = [
  'connect by cookie',
  'connect by token',
  'connect.subs',
  'subscribe',
  'recover',
  'unsubscribe',
  'publish',
  'history',
  'presence',
  'presence_stats',
  PRESENCE_CALL,
  TYPING_CALL,
  'rpc',
  'send',
  'refresh',
  'sub_refresh',
  'emulation, with the key',
  'emulation, answered on the stream',
  'call, send',
  'HTTP',
  'HTTP, send',
  'HTTP, presence',
];

/** What thieves do, besides names and forgeries. */
const THEFTS = [
  'connect.subs, stolen',
  'recover, stolen',
  'history, stolen',
  'connect, forged',
  'connect, after a switch',
  'connect, tenant in the URL',
  'refresh, forged',
  'refresh, of another realm',
  'sub_refresh, of another realm',
  'ticket, forged',
  'ticket, of another realm',
  'emulation, of another',
  'call, order for another',
  "sendToRoom, another's role",
  'HTTP, stolen connection',
  'HTTP, tenant in the URL',
  'HTTP, tenant in the body',
  'HTTP, tenant in the header',
];

/** Records that a night's worth of thefts leaves behind. */
const AUDITED = [
  'access-denied',
  'authentication-failed',
  'cross-tenant',
  'platform-send',
  'revocation',
  'room-joined',
  'support-view',
];

/** Nothing of it was vacuous: each API, each confusion and each forgery was met, and seen on the wire. */
export function expectVariety(tally: Tally): void {
  const untried = requiredTries().filter((what) => tally.times(what) === 0);
  expect(untried).toEqual([]);
  for (const carrier of ['event', 'word', 'info', 'answer', 'page']) {
    expect(tally.markers(carrier), `markers of carrier ${carrier}`).toBeGreaterThan(50);
  }
  expect(tally.deltas).toBeGreaterThan(0);
  expect(tally.recovered).toBeGreaterThan(0);
}

function requiredTries(): string[] {
  const inEach = (calls: readonly string[]) => calls.flatMap((call) => [call, `forTenant.${call}`]);
  return [
    ...LAWFUL,
    ...THEFTS,
    ...Object.keys(CONFUSIONS).map((name) => `confusion: ${name}`),
    ...Object.keys(forgeries).map((name) => `forgery: ${name}`),
    ...Object.keys(ROOM_APIS).flatMap((api) => [`${api}, confused`, `${api}, forbidden or absent`]),
    ...SENDS.flatMap((send) => STANDINGS.map((standing) => `${send} as ${standing}`)),
    ...['sendToPlatform', "sendToRoom, the platform's role"],
    ...inEach(DEEDS),
    ...inEach([...SENDS, ...DEEDS]).map((call) => `${call} for another`),
    ...[...SENDS, ...DEEDS].map((call) => `${call} without a tenant`),
    ...AUDITED.map((action) => `audit: ${action}`),
  ];
}
