import { median } from '../../test/lab/stall-meter.ts';
import type { Run } from '../rounds.ts';
import { isQuiet, type MeasureName } from '../scenarios/scenario.ts';

/** A figure over all slices of all rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** How many values there are. */
  readonly count: number;
  /** Others used the machine in all of them: there is nothing better. */
  readonly isDisturbed: boolean;
}

/** What a figure belongs to. */
export interface Place {
  readonly scenario: string;
  readonly peer: string;
  readonly figure: MeasureName;
}

/** A figure of one peer in one scenario; `null` where it was not measured. */
export function spreadOf(runs: readonly Run[], place: Place): Spread | null {
  return quietOrAll((isFit) => [...valuesOf(runs.filter(isFit), place).values()]);
}

/** A figure as a multiple of another peer's, each divided by the other's of the same slice. */
export function ratioOf(runs: readonly Run[], place: Place, to: string): Spread | null {
  return quietOrAll((isFit) => {
    const fit = runs.filter(isFit);
    const theirs = valuesOf(fit, { ...place, peer: to });
    return [...valuesOf(fit, place)].flatMap(([slice, value]) => {
      const base = theirs.get(slice);
      return base ? [value / base] : [];
    });
  });
}

/** Runs that others have disturbed count only where there are no others. */
function quietOrAll(valuesFrom: (isFit: (run: Run) => boolean) => number[]): Spread | null {
  const quiet = valuesFrom(({ measures }) => isQuiet(measures));
  const values = quiet.length > 0 ? quiet : valuesFrom(() => true);
  if (values.length === 0) return null;
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    count: values.length,
    isDisturbed: quiet.length === 0,
  };
}

function valuesOf(runs: readonly Run[], { scenario, peer, figure }: Place): Map<string, number> {
  const values = new Map<string, number>();
  for (const run of runs) {
    const value = run.measures[figure];
    if (run.scenario !== scenario || run.peer !== peer || value === undefined) continue;
    values.set(`${run.round} ${run.slice}`, value);
  }
  return values;
}
