/** A row that was not imported, and why. */
export interface SkippedRow {
  line: number;
  reason: string;
}

/** How many of them a user is told. */
const TOLD = 100;

/** Counts the rows of a file that were not imported, and keeps the first ones by line. */
export class SkippedRows {
  #count = 0;
  #first: SkippedRow[] = [];

  get count(): number {
    return this.#count;
  }

  add(line: number, reason: string): void {
    this.#count += 1;
    this.#first.push({ line, reason });
    if (this.#first.length >= 20 * TOLD) this.#first = this.first();
  }

  first(): SkippedRow[] {
    return this.#first.toSorted((a, b) => a.line - b.line).slice(0, TOLD);
  }
}

/** A value of the file inside a reason, short enough for a hundred of them in one event. */
export function quoted(value: string): string {
  return value.length <= 40 ? `"${value}"` : `"${value.slice(0, 39)}…"`;
}
