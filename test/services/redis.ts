import { randomUUID } from 'node:crypto';
import { findProgram } from './find-program.ts';
import { lastingPort } from './lasting-port.ts';
import { LocalServer } from './local-server.ts';
import type { Missing } from './missing.ts';
import { TemporaryFolder } from './temporary-folder.ts';

const folders = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

const missing = 'there is no Redis here: install redis-server or valkey-server';

/** A Redis of the tests' own, which keeps nothing: it is empty after every start. */
export class RedisServer extends LocalServer {}

/** The path of Redis's program on this machine, or of a server that is one in all but name. */
export function findRedis(): string | Missing {
  return findProgram(['redis-server', 'valkey-server'], folders) ?? { missing };
}

/** Starts a Redis that nobody else uses. */
export async function startRedis(): Promise<RedisServer | Missing> {
  const command = findRedis();
  if (typeof command !== 'string') return command;
  const folder = await TemporaryFolder.make('redis');
  const password = randomUUID();
  const port = await lastingPort();
  const server = new RedisServer(`redis://:${password}@127.0.0.1:${port}`, folder, {
    command,
    // Its settings come by standard input: arguments, and the password, are everybody's to read.
    args: ['-'],
    input: settings(port, password),
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

function settings(port: number, password: string): string {
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `requirepass ${password}`,
    'save ""',
    'appendonly no',
    'daemonize no',
  ];
  return `${lines.join('\n')}\n`;
}
