import { inWords, type Published } from './ledger.ts';

/**
 * P1: in one life of a channel, the offsets of each publisher's calls go up in the order of the calls,
 * awaited or not; and what was called after another had ended, by whomever, is behind it.
 */
export function callOrderViolations(published: readonly Published[]): string[] {
  const stored = published.filter(
    ({ position, publisher, isRepeat }) => position && publisher !== undefined && !isRepeat,
  );
  const lives = Map.groupBy(stored, ({ channel, position }) => `${channel} ${position?.epoch}`);
  return [...lives.values()].flatMap((life) => [...inversions(life), ...overtakings(life)]);
}

function inversions(life: readonly Published[]): string[] {
  const last = new Map<string, Published>();
  return life.flatMap((each) => {
    const before = last.get(each.publisher ?? '');
    last.set(each.publisher ?? '', each);
    if (!before || offsetOf(before) < offsetOf(each)) return [];
    return [`${each.publisher} called ${named(before)} first, then ${named(each)}`];
  });
}

function overtakings(life: readonly Published[]): string[] {
  const latest = { calledAt: -Infinity, call: null as Published | null };
  return life
    .toSorted((a, b) => offsetOf(a) - offsetOf(b))
    .flatMap((each) => {
      const { calledAt = -Infinity, settledAt = Infinity } = each;
      const overtaken = settledAt < latest.calledAt ? latest.call : null;
      if (calledAt > latest.calledAt) Object.assign(latest, { calledAt, call: each });
      return overtaken ? [`${named(each)} had ended when ${named(overtaken)} was called`] : [];
    });
}

function offsetOf({ position }: Published): number {
  return position?.offset ?? 0;
}

function named({ id, channel, position }: Published): string {
  return `${id} at ${channel} ${inWords(position)}`;
}
