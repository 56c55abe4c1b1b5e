import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LocalServer } from './local-server.ts';
import type { Missing } from './missing.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The desk's URL: global-setup.ts provides it. */
    serviceDesk: string;
  }
}

/** A service that the test files of a run share. */
export type ServiceName = 'postgres' | 'redis';

/** Where it is, or why there is none. */
export type ServiceAnswer = Pick<LocalServer, 'url'> | Missing;

interface Service {
  /** What names a server that the tests are to use instead of one of their own. */
  readonly variable: string;
  readonly start: () => Promise<LocalServer | Missing>;
}

const services: Record<ServiceName, Service> = {
  postgres: { variable: 'DATABASE_URL', start: startPostgres },
  redis: { variable: 'REDIS_URL', start: startRedis },
};

/**
 * Where the test files of a run, which are processes of their own, ask for the services that they
 * share. One that nobody asks for is not started: a run of other files costs nothing.
 */
export class ServiceDesk {
  /** The answers hold passwords: only who was told this path is answered. */
  readonly #path = `/${randomUUID()}/`;
  readonly #started = new Map<ServiceName, Promise<LocalServer | Missing>>();
  readonly #http = createServer(({ url = '' }, response) => {
    const name = url.slice(this.#path.length);
    if (url.startsWith(this.#path) && isService(name)) void this.#answer(name, response);
    else response.writeHead(404).end();
  });

  /** Opens it, and says where: behind this URL comes a service's name. */
  async open(): Promise<string> {
    this.#http.listen(0, '127.0.0.1');
    await once(this.#http, 'listening');
    const { port } = this.#http.address() as AddressInfo;
    return `http://127.0.0.1:${port}${this.#path}`;
  }

  /** Closes it, and stops what it has started. */
  async close(): Promise<void> {
    this.#http.close();
    this.#http.closeAllConnections();
    await Promise.allSettled([...this.#started.values()].map(stop));
  }

  async #answer(name: ServiceName, response: ServerResponse): Promise<void> {
    try {
      response.end(JSON.stringify(await this.#provide(name)));
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  }

  async #provide(name: ServiceName): Promise<ServiceAnswer> {
    const { variable, start } = services[name];
    const given = process.env[variable];
    if (given) return { url: given };
    const starting = this.#started.get(name) ?? start();
    this.#started.set(name, starting);
    const service = await starting;
    if ('url' in service) return { url: service.url };
    return { missing: `${service.missing}, or set ${variable}` };
  }
}

function isService(name: string): name is ServiceName {
  return name in services;
}

async function stop(starting: Promise<LocalServer | Missing>): Promise<void> {
  const service = await starting;
  if (!('missing' in service)) await service.stop();
}
