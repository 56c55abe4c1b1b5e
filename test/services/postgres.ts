import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findPrograms } from './find-program.ts';
import { lastingPort } from './lasting-port.ts';
import { LocalServer } from './local-server.ts';
import type { Missing } from './missing.ts';
import { ordinaryUser, type User } from './ordinary-user.ts';
import { TemporaryFolder } from './temporary-folder.ts';

/** Where packages put its programs that do not put them on PATH. */
const folders = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/usr/local/pgsql/bin',
  '/usr/local/opt/postgresql*/bin',
  '/opt/homebrew/opt/postgresql*/bin',
  '/Applications/Postgres.app/Contents/Versions/latest/bin',
];

const missing = 'there is no Postgres server here: install postgresql';

/** A Postgres of the tests' own; its `url` is the superuser's, at the database `postgres`. */
export class PostgresServer extends LocalServer {
  /** Ends it as `pg_ctl stop -m immediate` does: without a checkpoint, so it recovers at start. */
  crash(): Promise<void> {
    return this.end();
  }
}

/** The folder of Postgres's programs on this machine. */
export function findPostgres(): string | Missing {
  return findPrograms(['postgres', 'initdb'], folders) ?? { missing };
}

/** Starts a Postgres with data of its own, as durable as it is by default. */
export async function startPostgres(): Promise<PostgresServer | Missing> {
  const programs = findPostgres();
  if (typeof programs !== 'string') return programs;
  const user = ordinaryUser();
  const folder = await TemporaryFolder.make('postgres', user);
  const password = randomUUID();
  const port = await lastingPort();
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  const server = new PostgresServer(url, folder, {
    command: join(programs, 'postgres'),
    args: ['-D', join(folder.path, 'data'), ...settings(port)],
    user,
    ready: /database system is ready to accept connections/,
    endSignal: 'SIGQUIT',
  });
  try {
    await initialize(programs, folder.path, password, user);
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function initialize(
  programs: string,
  folder: string,
  password: string,
  user: User | undefined,
): Promise<void> {
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user) await chown(passwordFile, user.uid, user.gid);
  const how = ['--encoding=UTF8', '--locale=C', '--auth=scram-sha-256', '--no-sync'];
  const who = ['--username=postgres', `--pwfile=${passwordFile}`];
  const args = [`--pgdata=${join(folder, 'data')}`, ...how, ...who];
  await promisify(execFile)(join(programs, 'initdb'), args, { cwd: folder, ...user });
}

function settings(port: number): string[] {
  const values = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 200,
    shared_buffers: '16MB',
    // In its folder, so that nothing stays behind after a `kill -9`.
    dynamic_shared_memory_type: 'mmap',
    logging_collector: 'off',
    log_destination: 'stderr',
    lc_messages: 'C',
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
