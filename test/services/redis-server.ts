import { copyFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { LocalServer } from './local-server.ts';
import type { ServerProgram } from './server-process.ts';
import type { TemporaryFolder } from './temporary-folder.ts';

/** All that a Redis knew at one moment: a file in its folder. */
export interface RedisSnapshot {
  readonly file: string;
}

const DUMP = 'dump.rdb';
const COPIED_MS = 10_000;

/** A Redis of the tests' own. Unless it was told to keep something, it is empty after every start. */
export class RedisServer extends LocalServer {
  readonly port: number;
  readonly password: string;
  readonly #folder: TemporaryFolder;
  #snapshots = 0;

  constructor(
    { port, password }: { readonly port: number; readonly password: string },
    folder: TemporaryFolder,
    program: ServerProgram,
  ) {
    super(`redis://:${password}@127.0.0.1:${port}`, folder, program);
    this.port = port;
    this.password = password;
    this.#folder = folder;
  }

  /** Its URL for who comes through a proxy on that port. */
  urlBehind(proxyPort: number): string {
    return `redis://:${this.password}@127.0.0.1:${proxyPort}`;
  }

  /** Carries out one command, over a connection of its own; rejects at once where nobody answers. */
  async command(name: string, ...args: readonly (string | number)[]): Promise<unknown> {
    const redis = new Redis(this.url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
    redis.on('error', () => {}); // what was asked of it fails by itself
    try {
      return await redis.call(name, ...args);
    } finally {
      redis.disconnect();
    }
  }

  /** Writes down all that it knows. */
  async snapshot(): Promise<RedisSnapshot> {
    await this.command('SAVE');
    this.#snapshots += 1;
    const file = this.#path(`snapshot-${this.#snapshots}.rdb`);
    await rename(this.#path(DUMP), file);
    return { file };
  }

  /** `kill -9`, and a start from a snapshot: what came after it is forgotten. */
  async restore({ file }: RedisSnapshot): Promise<void> {
    await this.kill9();
    await copyFile(file, this.#path(DUMP));
    await this.start();
    await rm(this.#path(DUMP));
  }

  /** Becomes a replica of another one; resolves when it has a copy of everything. */
  async replicate(primary: RedisServer): Promise<void> {
    await this.command('CONFIG', 'SET', 'masterauth', primary.password);
    await this.command('REPLICAOF', '127.0.0.1', primary.port);
    const deadline = performance.now() + COPIED_MS;
    while (!/master_link_status:up/.test(await this.info('replication'))) {
      if (performance.now() > deadline) {
        throw new Error(`No copy after ${COPIED_MS / 1_000} s:\n${await this.info('replication')}`);
      }
    }
  }

  /** Becomes a primary. Who was its primary does not hear of it. */
  async promote(): Promise<void> {
    await this.command('REPLICAOF', 'NO', 'ONE');
  }

  /** It answers nobody, or no writes, for that long. */
  async pauseClients(ms: number, what: 'ALL' | 'WRITE'): Promise<void> {
    await this.command('CLIENT', 'PAUSE', ms, what);
  }

  async configure(name: string, value: string): Promise<void> {
    await this.command('CONFIG', 'SET', name, value);
  }

  /** What it says of itself in a section of INFO. */
  async info(section: string): Promise<string> {
    return String(await this.command('INFO', section));
  }

  #path(name: string): string {
    return join(this.#folder.path, name);
  }
}
