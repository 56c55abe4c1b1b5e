import { isTerminal, type OperationState } from '@trunkline/contract';

/** An operation as somebody sees it. */
export interface View {
  readonly id: string;
  readonly state: OperationState;
  readonly attempt: number;
  readonly seq?: number;
  readonly percentage?: number;
}

const ORDER: Readonly<Record<OperationState, number>> = {
  queued: 0,
  running: 1,
  cancelling: 1,
  succeeded: 2,
  failed: 2,
  cancelled: 2,
  crashed: 2,
};

/** What has gone back from one view of an operation to the next; `null`: nothing. */
export function regressionOf(before: View, after: View): string | null {
  const said = `${before.id}: ${sentence(before)} → ${sentence(after)}`;
  if ((after.seq ?? 0) < (before.seq ?? 0)) return `seq went back: ${said}`;
  if (after.attempt < before.attempt) return `the attempt went back: ${said}`;
  if (after.attempt > before.attempt) return null;
  if ((after.percentage ?? 0) < (before.percentage ?? 0)) return `percentage went back: ${said}`;
  if (ORDER[after.state] < ORDER[before.state]) return `the state went back: ${said}`;
  const isCorrected = before.state === 'crashed';
  const isSecondEnd = isTerminal(before.state) && after.state !== before.state && !isCorrected;
  return isSecondEnd ? `a second end: ${said}` : null;
}

function sentence({ state, attempt, seq = 0, percentage = 0 }: View): string {
  return `${state}, attempt ${attempt}, seq ${seq}, ${percentage} %`;
}

/** Remembers how one page shows each operation, and notes what goes back. */
export class Witness {
  readonly regressions: string[] = [];
  /** How many different views there were. */
  views = 0;
  readonly #last = new Map<string, View>();
  /** When a state was first on the page: `{id} {attempt} {state}`. */
  readonly #since = new Map<string, number>();

  see(view: View, at: number): void {
    const before = this.#last.get(view.id);
    if (before && isSame(before, view)) return;
    this.views += 1;
    const { id, state, attempt, seq, percentage } = view;
    this.#last.set(id, { id, state, attempt, ...given({ seq, percentage }) });
    const name = `${id} ${attempt} ${state}`;
    if (!this.#since.has(name)) this.#since.set(name, at);
    const regression = before && regressionOf(before, view);
    if (regression) this.regressions.push(regression);
  }

  /** When an attempt was first seen in a state, milliseconds since 1970. */
  since({ id, attempt, state }: Pick<View, 'id' | 'attempt' | 'state'>): number | undefined {
    return this.#since.get(`${id} ${attempt} ${state}`);
  }

  /** Was an operation ever seen in one of these states? */
  hasSeen(id: string, states: readonly OperationState[]): boolean {
    return [...this.#since.keys()].some(
      (name) => name.startsWith(`${id} `) && states.some((state) => name.endsWith(` ${state}`)),
    );
  }
}

function isSame(a: View, b: View): boolean {
  return (
    a.state === b.state &&
    a.attempt === b.attempt &&
    a.seq === b.seq &&
    a.percentage === b.percentage
  );
}

type Numbers = Partial<Pick<View, 'seq' | 'percentage'>>;

function given(fields: { [K in keyof Numbers]: Numbers[K] | undefined }): Numbers {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries);
}
