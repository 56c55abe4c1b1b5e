import { randomUUID } from 'node:crypto';
import { findProgram } from './find-program.ts';
import { lastingPort } from './lasting-port.ts';
import type { Missing } from './missing.ts';
import { RedisServer } from './redis-server.ts';
import { TemporaryFolder } from './temporary-folder.ts';

/** How a Redis of the tests' own is set up. */
export interface RedisOptions {
  /** Does it keep what it was told, so that it has it again after a kill? Default: it starts empty. */
  readonly appendOnly?: boolean;
  /** One whose place it can take: they have the same password. */
  readonly sibling?: RedisServer;
  /** Lines of its configuration file, by name. */
  readonly config?: Readonly<Record<string, string>>;
}

export type { RedisServer };

const folders = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

const missing = 'there is no Redis here: install redis-server or valkey-server';

/** The path of Redis's program on this machine, or of a server that is one in all but name. */
export function findRedis(): string | Missing {
  return findProgram(['redis-server', 'valkey-server'], folders) ?? { missing };
}

/** Starts a Redis that nobody else uses. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer | Missing> {
  const command = findRedis();
  if (typeof command !== 'string') return command;
  const folder = await TemporaryFolder.make('redis');
  const password = options.sibling?.password ?? randomUUID();
  const port = await lastingPort();
  const server = new RedisServer({ port, password }, folder, {
    command,
    // Its settings come by standard input: arguments, and the password, are everybody's to read.
    args: ['-'],
    input: settings(port, password, options),
    ready: /Ready to accept connections/,
    endSignal: 'SIGTERM',
  });
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function settings(port: number, password: string, options: RedisOptions): string {
  const { appendOnly = false, config = {} } = options;
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `requirepass ${password}`,
    'save ""',
    `appendonly ${appendOnly ? 'yes' : 'no'}`,
    // A replica has its copy at once.
    'repl-diskless-sync-delay 0',
    'daemonize no',
    ...Object.entries(config).map(([name, value]) => `${name} ${value}`),
  ];
  return `${lines.join('\n')}\n`;
}
