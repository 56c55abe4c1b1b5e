import { byInvariant, type Verdict } from './verdict.ts';

/** What clients did not get and were not told of, and places that held something else before. */
export function silentLossesIn({ violations }: Pick<Verdict, 'violations'>): number {
  const { I1 = 0, I3 = 0 } = byInvariant(violations);
  return I1 + I3;
}
