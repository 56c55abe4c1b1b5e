import type { StandardSchema } from '@trunkline/contract';

const MAX_ISSUES = 5;

/** What a schema makes of a value. Throws what `refuse` makes of the problems, e.g. `email: Invalid`. */
export async function checked<T>(
  schema: StandardSchema<T> | undefined,
  value: unknown,
  refuse: (problems: string) => Error,
): Promise<T> {
  if (!schema) return value as T;
  const result = await schema['~standard'].validate(value);
  if (!result.issues) return result.value;
  const problems = result.issues.slice(0, MAX_ISSUES).map(({ path = [], message }) => {
    const keys = path.map((segment) => String(typeof segment === 'object' ? segment.key : segment));
    return keys.length === 0 ? message : `${keys.join('.')}: ${message}`;
  });
  throw refuse(problems.join('; '));
}
