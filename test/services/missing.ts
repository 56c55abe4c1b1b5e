/** There is no such service here. */
export interface Missing {
  /** Why not, and what to do. */
  readonly missing: string;
}
