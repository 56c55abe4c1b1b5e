import { afterAll, inject, type TestOptions } from 'vitest';
import type { LocalServer } from './local-server.ts';
import type { Missing } from './missing.ts';
import { findPostgres, type PostgresServer, startPostgres } from './postgres.ts';
import { createDatabase } from './postgres-database.ts';
import { findRedis, type RedisOptions, type RedisServer, startRedis } from './redis.ts';
import { type RedisClusterServers, startRedisCluster } from './redis-cluster.ts';
import { type Keyspace, makeKeyspace, removeKeys } from './redis-keyspace.ts';
import type { ServiceAnswer, ServiceName } from './service-desk.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** Why it is skipped: `npm test` counts these by reason. */
    missing?: string;
  }
}

/** Something that tests need and that not every machine has. */
export interface Service {
  /** Why there is none, and what to do. */
  readonly missing: string | undefined;
}

/** The Postgres that the run's test files share. */
export interface PostgresForTests extends Service {
  /** Creates an empty database, which is dropped after the file's tests; resolves with its URL. */
  database(): Promise<string>;
}

/** The Redis that the run's test files share. */
export interface RedisForTests extends Service {
  /** A part of it that nobody else uses, emptied after the file's tests. */
  keyspace(): Keyspace;
}

/** Servers for tests that break them; those still there after the file's tests are stopped. */
export interface OwnServers<Server, Options = undefined> extends Service {
  start(options?: Options): Promise<Server>;
}

/**
 * Options for `describe` and `test`: where one of these services is missing they are skipped, and
 * the summary of `npm test` says why.
 */
export function needs(...services: readonly Service[]): TestOptions {
  const missing = services.find((service) => service.missing !== undefined)?.missing;
  return missing === undefined ? {} : { skip: true, meta: { missing } };
}

/** Asks for the Postgres of DATABASE_URL or else one of this run; call it at the file's top. */
export async function postgresForTests(): Promise<PostgresForTests> {
  const answer = await ask('postgres');
  const later = cleaningUp();
  return {
    missing: reason(answer),
    database: async () => {
      const created = await createDatabase(urlOf(answer));
      later(() => created.drop());
      return created.url;
    },
  };
}

/** Asks for the Redis of REDIS_URL or else one of this run; call it at the file's top. */
export async function redisForTests(): Promise<RedisForTests> {
  const answer = await ask('redis');
  const later = cleaningUp();
  return {
    missing: reason(answer),
    keyspace: () => {
      const keyspace = makeKeyspace(urlOf(answer));
      later(() => removeKeys(keyspace));
      return keyspace;
    },
  };
}

/** Postgres servers that a test may crash; call it at the file's top. */
export function ownPostgresForTests(): OwnServers<PostgresServer> {
  return ownServers(findPostgres(), startPostgres);
}

/** Redis servers that a test may kill; call it at the file's top. */
export function ownRedisForTests(): OwnServers<RedisServer, RedisOptions> {
  return ownServers(findRedis(), startRedis);
}

/** Redis Clusters of three processes each; call it at the file's top. */
export function ownRedisClusterForTests(): OwnServers<RedisClusterServers> {
  return ownServers(findRedis(), startRedisCluster);
}

function ownServers<Server extends Pick<LocalServer, 'stop'>, Options>(
  found: string | Missing,
  start: (options?: Options) => Promise<Server | Missing>,
): OwnServers<Server, Options> {
  const later = cleaningUp();
  return {
    missing: typeof found === 'string' ? undefined : found.missing,
    start: async (options) => {
      const server = await start(options);
      if ('missing' in server) throw new Error(server.missing);
      later(() => server.stop());
      return server;
    },
  };
}

/** Collects what is to be done after the file's tests. */
function cleaningUp(): (task: () => Promise<void>) => void {
  const tasks: (() => Promise<void>)[] = [];
  afterAll(async () => {
    await Promise.all(tasks.map((task) => task()));
  });
  return (task) => void tasks.push(task);
}

async function ask(name: ServiceName): Promise<ServiceAnswer> {
  const response = await fetch(`${inject('serviceDesk')}${name}`);
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as ServiceAnswer;
}

function reason(answer: ServiceAnswer): string | undefined {
  return 'missing' in answer ? answer.missing : undefined;
}

function urlOf(answer: ServiceAnswer): string {
  if ('missing' in answer) throw new Error(answer.missing);
  return answer.url;
}
