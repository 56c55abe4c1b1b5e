/** The import did not happen, or not to its end. The message is for the user. */
export class ImportRejectedError extends Error {
  override readonly name = 'ImportRejectedError';
  /** The HTTP status that says whose fault it was. */
  readonly status: number;
  /** Users who are in the database nevertheless. */
  readonly saved: number;

  constructor(message: string, status = 400, options: ErrorOptions & { saved?: number } = {}) {
    super(message, options);
    this.status = status;
    this.saved = options.saved ?? 0;
  }
}
