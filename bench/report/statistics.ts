import { median } from '../../test/lab/stall-meter.ts';
import type { Run } from '../rounds.ts';
import { isQuiet, type MeasureName } from '../scenarios/scenario.ts';

/** A figure over the rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
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

/** A figure as a multiple of another peer's, each divided by the other's of the same round. */
export function ratioOf(runs: readonly Run[], place: Place, to: string): Spread | null {
  return quietOrAll((isFit) => {
    const fit = runs.filter(isFit);
    const theirs = valuesOf(fit, { ...place, peer: to });
    return [...valuesOf(fit, place)].flatMap(([round, value]) => {
      const base = theirs.get(round);
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
    rounds: values.length,
    isDisturbed: quiet.length === 0,
  };
}

function valuesOf(runs: readonly Run[], { scenario, peer, figure }: Place): Map<number, number> {
  const values = new Map<number, number>();
  for (const run of runs) {
    const value = run.measures[figure];
    if (run.scenario !== scenario || run.peer !== peer || value === undefined) continue;
    values.set(run.round, value);
  }
  return values;
}
