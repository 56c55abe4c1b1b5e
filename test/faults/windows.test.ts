import { expect, test } from 'vitest';
import type { Reader } from '../../packages/server/test/model/ledger.ts';
import { gapsInside } from './windows.ts';

const subscribed = (epoch: string, offset: number, recovered = false) => {
  const position = { epoch, offset };
  return { kind: 'subscribed', position, wasRecovering: true, recovered, callsBefore: 0 } as const;
};
const delivered = (offset: number) => {
  const position = { epoch: 'e1', offset };
  return { kind: 'delivered', id: `p${offset}`, tenantId: 'acme', position } as const;
};
const reader = (told: Reader['told']): Reader => {
  return { client: 'ada', channel: 't.acme:a', tenantId: 'acme', isLive: true, told };
};

test('a gap signal is inside the window when the history still had what was missed', () => {
  const first = { ...subscribed('e1', 0), wasRecovering: false };
  const story = reader([
    first,
    delivered(1),
    subscribed('e1', 6),
    delivered(7),
    subscribed('e1', 8),
  ]);
  expect(gapsInside([story], 5).map(({ missed }) => missed)).toEqual([5, 1]);
  expect(gapsInside([story], 4).map(({ missed }) => missed)).toEqual([1]);
});

test('another stream, and what was recovered, is no gap inside the window', () => {
  const story = reader([subscribed('e1', 4, true), delivered(5), subscribed('e2', 5)]);
  expect(gapsInside([story], 100)).toEqual([]);
});
