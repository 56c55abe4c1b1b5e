import { join, resolve } from 'node:path';
import { z } from 'zod';
import { rootFolder } from './folders.ts';

/** Injection token of `Environment`. */
export const ENVIRONMENT: unique symbol = Symbol('environment');

const url = (protocols: RegExp, example: string) =>
  z.url({ protocol: protocols, error: `must be a URL like ${example}` }).optional();

const wholeNumber = (name: string, max: number) =>
  z.coerce
    .number({
      error: `must be a whole number from 0 to ${max}, e.g. ${name}=${Math.min(max, 100)}`,
    })
    .int()
    .min(0)
    .max(max);

const schema = z.object({
  /** Where the server listens; 0 takes any free port. */
  PORT: wholeNumber('PORT', 65_535).default(3000),
  /** Which network interface; default: all of them. */
  HOST: z.string().optional(),
  /** Where the embedded database and the mails are kept. */
  DATA_DIR: z
    .string()
    .default(join(rootFolder, '.data'))
    .transform((folder) => resolve(folder)),
  /** Postgres instead of the embedded database. */
  DATABASE_URL: url(/^postgres(ql)?$/, 'postgres://user:password@localhost:5432/demo'),
  /** Sends the welcome mails; without it they are written to `DATA_DIR/mail`. */
  SMTP_URL: url(/^smtps?$/, 'smtp://user:password@localhost:587'),
  /** Waits so many milliseconds after each batch of an import or an export, to make its progress visible. */
  IMPORT_PACE_MS: wholeNumber('IMPORT_PACE_MS', 60_000).default(0),
  /** Metrics and health, for this machine only; without it there are none. */
  MONITORING_PORT: wholeNumber('MONITORING_PORT', 65_535).optional(),
  HTTP_ADAPTER: z
    .enum(['express', 'fastify'], { error: 'must be express or fastify' })
    .default('express'),
  NODE_ENV: z
    .enum(['development', 'production', 'test'], {
      error: 'must be development, production or test',
    })
    .default('development'),
});

/** The settings of this process. */
export type Environment = z.infer<typeof schema>;

/** A setting cannot be used. The message has a line for each. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/** Reads the settings from environment variables. An empty variable counts as absent. */
export function readEnvironment(variables: Record<string, string | undefined>): Environment {
  const present = Object.entries(variables).filter(
    ([, value]) => value !== undefined && value !== '',
  );
  const result = schema.safeParse(Object.fromEntries(present));
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => {
    const name = String(path[0]);
    return `${name} ${message}, got ${JSON.stringify(variables[name])}`;
  });
  throw new EnvironmentError(problems.join('\n'));
}
