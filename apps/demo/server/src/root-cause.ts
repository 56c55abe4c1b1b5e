/**
 * What an error comes down to. The message of a failed query holds the whole statement with its values;
 * its cause says why.
 */
export function rootCause(error: unknown): unknown {
  // Where a host has several addresses, Node.js reports one error for each of them.
  if (error instanceof AggregateError) return rootCause(error.errors[0]);
  return error instanceof Error && error.cause !== undefined ? rootCause(error.cause) : error;
}
