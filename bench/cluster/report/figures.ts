import type { Measured } from '../../report/page.ts';
import { ratioOf, spreadOf } from '../../report/statistics.ts';
import { digits } from '../../report/table.ts';
import type { MeasureName } from '../../scenarios/scenario.ts';

/** Single figures of a whole run, for sentences and sums; what was not measured is `NaN`, and shown as –. */
export class ClusterFigures {
  readonly #measured: Measured;

  constructor(measured: Measured) {
    this.#measured = measured;
  }

  /** The median. */
  value(scenario: string, peer: string, figure: MeasureName): number {
    return spreadOf(this.#measured.runs, { scenario, peer, figure })?.median ?? Number.NaN;
  }

  text(scenario: string, peer: string, figure: MeasureName): string {
    return asFigure(this.value(scenario, peer, figure));
  }

  /** The median of each slice's ratio to another peer. */
  ratio(scenario: string, peer: string, figure: MeasureName, to: string): string {
    return asFigure(
      ratioOf(this.#measured.runs, { scenario, peer, figure }, to)?.median ?? Number.NaN,
    );
  }

  /** Calls of each command of Redis: the median of each. */
  commands(scenario: string, peer: string): ReadonlyMap<string, number> {
    const all = this.#measured.runs.flatMap((run) => {
      const { commands } = run.measures;
      return run.scenario === scenario && run.peer === peer && commands ? [commands] : [];
    });
    const names = new Set(all.flatMap((commands) => Object.keys(commands)));
    return new Map([...names].map((name) => [name, middle(all.map((each) => each[name] ?? 0))]));
  }
}

/** As tables show it. */
export function asFigure(value: number): string {
  return Number.isFinite(value) ? digits(value) : '–';
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
