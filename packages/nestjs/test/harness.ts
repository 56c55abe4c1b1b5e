import 'reflect-metadata';
import { type AddressInfo, createServer } from 'node:net';
import type { INestApplication, ModuleMetadata, Type } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { WebSocketModule, type WebSocketModuleOptions } from '@trunkline/nestjs';
import {
  type Authenticate,
  type Broker,
  MemoryBroker,
  type Principal,
  type PublishOptions,
} from '@trunkline/server';
import { Centrifuge, type Options } from 'centrifuge';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

export const platforms = ['express', 'fastify'] as const;
export type Platform = (typeof platforms)[number];

export const ada: Principal = {
  userId: 'ada',
  realm: { kind: 'tenant', tenantId: 'acme' },
  roles: ['admins'],
};
export const cleo: Principal = {
  userId: 'cleo',
  realm: { kind: 'tenant', tenantId: 'globex' },
  roles: ['admins'],
};
export const root: Principal = { userId: 'root', realm: { kind: 'platform' }, roles: ['admins'] };
const people: Record<string, Principal> = { ada, cleo, root };

/** Reads `who=ada` from the cookie; `who=outage` is a database that is down. */
export const fromCookie: Authenticate = async ({ headers }) => {
  const who = /who=(\w+)/.exec(headers.cookie ?? '')?.[1] ?? '';
  await Promise.resolve();
  if (who === 'outage') throw new Error('connection refused');
  return people[who] ?? null;
};

/** A memory broker that remembers what was published: nothing else leaves the process. */
export class RecordingBroker extends MemoryBroker {
  readonly published: {
    channel: string;
    event: Record<string, unknown>;
    replicas?: number | undefined;
  }[] = [];

  override async publish(channel: string, data: string, options: PublishOptions) {
    const { replicas } = options;
    this.published.push({ channel, event: JSON.parse(data), replicas });
    return await super.publish(channel, data, options);
  }
}

export interface TestApp {
  readonly app: INestApplication;
  readonly baseUrl: string;
  /** Sends a request as somebody and reads its JSON answer. */
  request(
    path: string,
    who: string,
    init?: RequestInit,
  ): Promise<{ status: number; body: unknown }>;
  client(who: string, options?: Partial<Options>): Centrifuge;
}

const quickDrain = { waitMs: 0, spreadMs: 100, deadlineMs: 2_000 };

type Changes = Partial<Omit<WebSocketModuleOptions, 'listen' | 'broker'>> & { broker?: Broker };

export function moduleOptions(changes: Changes = {}): WebSocketModuleOptions {
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const audit = { record: () => {} };
  return { authenticate: fromCookie, drain: quickDrain, log, audit, ...changes };
}

/** Starts an application of these modules on a free port. */
export async function startApp(
  platform: Platform,
  builder: TestingModuleBuilder,
  prepare: (app: INestApplication) => void = () => {},
): Promise<TestApp> {
  const testing = await builder.compile();
  const adapter = platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
  const app = testing.createNestApplication(adapter, { logger: false });
  prepare(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const baseUrl = `http://127.0.0.1:${port}`;
  return {
    app,
    baseUrl,
    request: async (path, who, init = {}) => {
      const headers = { cookie: `who=${who}`, 'content-type': 'application/json' };
      const response = await fetch(baseUrl + path, {
        ...init,
        headers,
      });
      const text = await response.text();
      return { status: response.status, body: text ? JSON.parse(text) : null };
    },
    client: (who, options = {}) =>
      new Centrifuge(`${baseUrl.replace('http', 'ws')}/connection/websocket`, {
        websocket: withHeaders({ cookie: `who=${who}`, origin: baseUrl }),
        minReconnectDelay: 1,
        maxReconnectDelay: 20,
        ...options,
      }),
  };
}

/** What an application has besides the module. */
interface Extras extends ModuleMetadata {
  readonly prepare?: (app: INestApplication) => void;
}

/** An application with these options of the module, for the length of the current test. */
export async function serveApp(
  platform: Platform,
  changes: Changes = {},
  { prepare, ...metadata }: Extras = {},
): Promise<TestApp> {
  const started = await startApp(platform, appModule(changes, metadata), prepare);
  onTestFinished(() => started.app.close());
  return started;
}

/** The module with these options, in an application of these providers, controllers, … */
export function appModule(changes: Changes, metadata: ModuleMetadata): TestingModuleBuilder {
  const imports = [WebSocketModule.forRoot(moduleOptions(changes)), ...(metadata.imports ?? [])];
  return Test.createTestingModule({ ...metadata, imports });
}

/** A client of somebody that is connected, until the end of the current test. */
export async function connected(
  app: TestApp,
  who: string,
  options?: Partial<Options>,
): Promise<Centrifuge> {
  const client = app.client(who, options);
  onTestFinished(() => client.disconnect());
  client.connect();
  await client.ready();
  return client;
}

export function testingModule(...imports: unknown[]): TestingModuleBuilder {
  return Test.createTestingModule({ imports: imports as Type[] });
}

/** A WebSocket class that sends these headers, as a browser would send its cookies. */
function withHeaders(headers: Record<string, string>): typeof WebSocket {
  return class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols, { headers });
    }
  } as typeof WebSocket;
}

/** Resolves with the client's next event of that name. */
export async function next<T>(client: Centrifuge, name: string): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<T>();
  client.once(name as 'connected', resolve as never);
  return await promise;
}

/** What `/readyz` says as soon as it says it with this status. */
export async function readyz(url: string, status: number): Promise<Response> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- until it says so
    const response = await fetch(`${url}/readyz`);
    if (response.status === status) return response;
  }
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const address = probe.address();
    probe.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
  });
  return await promise;
}
