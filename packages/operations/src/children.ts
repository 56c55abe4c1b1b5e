/** How far the parts of an operation have come, by their weights. */
export class Children {
  readonly #parts = new Map<string, { weight: number; percentage: number }>();
  #expectedWeight = 0;

  expect(totalWeight: number): void {
    if (Number.isFinite(totalWeight) && totalWeight > 0) this.#expectedWeight = totalWeight;
  }

  add(id: string, weight: number): void {
    this.#parts.set(id, { weight, percentage: 0 });
  }

  /** A part has come further. Returns the percentage of the whole. */
  update(id: string, percentage: number): number {
    const part = this.#parts.get(id);
    if (part) part.percentage = Math.max(part.percentage, percentage);
    return this.#percentage();
  }

  #percentage(): number {
    const parts = [...this.#parts.values()];
    const started = parts.reduce((sum, { weight }) => sum + weight, 0);
    const done = parts.reduce((sum, { weight, percentage }) => sum + weight * percentage, 0);
    return done / Math.max(started, this.#expectedWeight, Number.MIN_VALUE);
  }
}
