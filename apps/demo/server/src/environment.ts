import { join, resolve } from 'node:path';
import { addressBehind } from '@trunkline/server';
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

/** `10.0.0.0/8, loopback` as a list. */
const addresses = z
  .string()
  .transform((text) => text.split(',').map((address) => address.trim()))
  .refine(areAddresses, {
    error: 'must be addresses or networks with commas between them, like 10.0.0.0/8,127.0.0.1',
  });

const schema = z.object({
  /** Where the server listens; 0 takes any free port. */
  PORT: wholeNumber('PORT', 65_535).default(3000),
  /** Which network interface; default: all of them. */
  HOST: z.string().optional(),
  /** Where the embedded database, files and mails are kept. Several nodes share the folder. */
  DATA_DIR: z
    .string()
    .default(join(rootFolder, '.data'))
    .transform((folder) => resolve(folder)),
  /** Postgres instead of the embedded database. */
  DATABASE_URL: url(/^postgres(ql)?$/, 'postgres://user:password@localhost:5432/demo'),
  /** What several nodes share, beside a Postgres and `DATA_DIR`; without it this node is alone. */
  REDIS_URL: url(/^rediss?$/, 'redis://:password@localhost:6379'),
  /** What its keys in Redis begin with: another one for each environment of a Redis. */
  REDIS_PREFIX: z
    .string()
    .regex(/^[\w.-]{1,64}$/, { error: 'must be up to 64 letters, digits, dots, _ and -' })
    .default('trunkline-demo'),
  /** Proxies whose `X-Forwarded-For` counts. */
  TRUSTED_PROXIES: addresses.optional(),
  /** How a stop goes: at once, for whoever pressed Ctrl-C, or as deploys behind a balancer need it. */
  DRAIN: z.enum(['quick', 'deploy'], { error: 'must be quick or deploy' }).default('quick'),
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

function areAddresses(list: readonly string[]): boolean {
  try {
    addressBehind(list);
    return true;
  } catch {
    return false;
  }
}
