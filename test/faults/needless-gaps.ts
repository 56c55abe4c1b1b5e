import { defaultLimits } from '@trunkline/server';
import type { Verdict } from './verdict.ts';
import { gapsInside } from './windows.ts';

/** What is to be said of gap signals in the place of publications that the history still had. */
export function needlessGaps({ clients, ledgers }: Pick<Verdict, 'clients' | 'ledgers'>): string[] {
  if (clients.gaps === 0) return [];
  const needless = gapsInside(ledgers.readers(), defaultLimits.history.size).length;
  return needless > 0 ? [`${needless} gap signals inside the window`] : [];
}
