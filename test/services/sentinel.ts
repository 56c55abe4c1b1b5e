import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lastingPort } from './lasting-port.ts';
import type { Missing } from './missing.ts';
import { findRedis } from './redis.ts';
import { RedisServer } from './redis-server.ts';
import { TemporaryFolder } from './temporary-folder.ts';

/** Whom a Sentinel watches. */
export interface SentinelOptions {
  /** What the group of servers is called. */
  readonly name: string;
  /** The primary when it starts; its replicas are found, and have the same password. */
  readonly primary: RedisServer;
  /** So many must agree that the primary is gone. */
  readonly quorum: number;
}

/** How long a server is not heard of before it counts as gone. */
const GONE_MS = 1_000;
const FAILOVER_LIMIT_MS = 10_000;

/** Starts a Sentinel. It has the password of those whom it watches. */
export async function startSentinel(options: SentinelOptions): Promise<RedisServer | Missing> {
  const command = findRedis();
  if (typeof command !== 'string') return command;
  const folder = await TemporaryFolder.make('sentinel');
  const { password } = options.primary;
  const port = await lastingPort();
  // It writes down there what it learns.
  await writeFile(join(folder.path, CONFIG), settings(port, options), { mode: 0o600 });
  const sentinel = new RedisServer({ port, password }, folder, {
    command,
    args: [CONFIG, '--sentinel'],
    ready: /\+monitor master/,
    endSignal: 'SIGTERM',
  });
  try {
    await sentinel.start();
    return sentinel;
  } catch (error) {
    await sentinel.stop();
    throw error;
  }
}

const CONFIG = 'sentinel.conf';

function settings(port: number, { name, primary, quorum }: SentinelOptions): string {
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `requirepass ${primary.password}`,
    `sentinel sentinel-pass ${primary.password}`,
    `sentinel monitor ${name} 127.0.0.1 ${primary.port} ${quorum}`,
    `sentinel auth-pass ${name} ${primary.password}`,
    `sentinel down-after-milliseconds ${name} ${GONE_MS}`,
    `sentinel failover-timeout ${name} ${FAILOVER_LIMIT_MS}`,
    'daemonize no',
  ];
  return `${lines.join('\n')}\n`;
}
