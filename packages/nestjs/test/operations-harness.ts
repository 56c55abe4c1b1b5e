import type { IncomingHttpHeaders } from 'node:http';
import { PGlite } from '@electric-sql/pglite';
import {
  type Database,
  fromPglite,
  type OperationSnapshot,
  Operations,
  OperationsModule,
  type OperationsModuleOptions,
} from '@trunkline/nestjs';
import { migrate } from '@trunkline/operations';
import { type Authenticate, type Principal, supportView } from '@trunkline/server';
import type { Centrifuge } from 'centrifuge';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { ada, cleo, connected, type Platform, root, serveApp, type TestApp } from './harness.ts';

/** Colleagues of ada, and one of cleo, who are no admins. */
export const bob: Principal = { ...ada, userId: 'bob', roles: [] };
export const dan: Principal = { ...ada, userId: 'dan', roles: ['accounting'] };
const eve: Principal = { ...cleo, userId: 'eve', roles: [] };
const people: Record<string, Principal> = { ada, bob, dan, cleo, eve, root };

/** An id as operations have it, of none. */
export const NO_ID = '01ARZ3NDEKTSV4RRFFQ69G5FAV';

/** An application with operations. */
export interface OperationsApp extends TestApp {
  readonly operations: Operations;
  /** Sends a request as somebody, with a body of JSON where there is one. */
  ask(path: string, who: string, init?: Ask): Promise<Answer>;
}

interface Ask {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** What a request was answered with. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** One embedded database for a file's tests, empty before each. */
export function embeddedDatabase(): { readonly database: Database } {
  let database: Database;
  let client: PGlite;
  beforeAll(async () => {
    client = await PGlite.create();
    database = fromPglite(client);
    await migrate(database);
  });
  beforeEach(async () => {
    await database.query('delete from trunkline.operations');
  });
  afterAll(() => client.close());
  return {
    get database() {
      return database;
    },
  };
}

/** What an application has besides the modules, and which handlers a service of its registers. */
type Extras = NonNullable<Parameters<typeof serveApp>[2]> & {
  readonly handlers?: (operations: Operations) => void;
};

/** An application with operations, for the length of the current test. */
export async function serveOperations(
  platform: Platform,
  options: OperationsModuleOptions,
  changes: NonNullable<Parameters<typeof serveApp>[1]> = {},
  { imports = [], providers = [], handlers = () => {}, ...extras }: Extras = {},
): Promise<OperationsApp> {
  const quiet = { info: () => {}, warn: () => {}, error: () => {} };
  const module = OperationsModule.forRoot({ shutdownGraceMs: 0, log: quiet, ...options });
  const authenticate: Authenticate = ({ headers }) => principalIn(headers);
  const started = await serveApp(
    platform,
    { authenticate, ...changes },
    {
      ...extras,
      imports: [module, ...imports],
      providers: [
        { provide: 'handlers', inject: [Operations], useFactory: handlers },
        ...providers,
      ],
    },
  );
  return {
    ...started,
    operations: started.app.get<Operations>(Operations),
    ask: async (path, who, init) => await ask(started.baseUrl + path, who, init),
  };
}

function principalIn({ cookie = '' }: IncomingHttpHeaders): Principal | null {
  const who = /who=(\w*)/.exec(cookie)?.[1] ?? '';
  if (who === 'anonymous') return { ...ada, userId: '', roles: [] };
  if (who === 'support') return supportView(root, 'acme', { reason: 'test', roles: ['admins'] });
  return people[who] ?? null;
}

async function ask(url: string, who: string, { method, body, headers }: Ask = {}): Promise<Answer> {
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetch(url, {
    ...(method === undefined ? {} : { method }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { cookie: `who=${who}`, ...json, ...headers },
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

/** The operation in an answer. */
export function operationIn({ text }: Answer): OperationSnapshot {
  return JSON.parse(text) as OperationSnapshot;
}

/** What somebody hears of operations, in order. */
export interface Listener {
  readonly client: Centrifuge;
  readonly events: Heard[];
  /** The first event that is meant, heard already or not yet. */
  readonly next: (isMeant: (event: Heard) => boolean) => Promise<Heard>;
}

interface Heard {
  readonly channel: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly metadata?: { readonly message?: string; readonly tablesToRefresh?: readonly string[] };
  readonly id: string;
}

/** Connects somebody and listens. */
export async function listening(app: TestApp, who: string): Promise<Listener> {
  const events: Heard[] = [];
  const waiting = new Set<() => void>();
  const client = app.client(who);
  client.on('publication', ({ channel, data }) => {
    events.push({ channel, ...(data as Omit<Heard, 'channel'>) });
    for (const wake of waiting) wake();
  });
  await connected({ ...app, client: () => client }, who);
  const next: Listener['next'] = async (isMeant) => {
    const { promise, resolve } = Promise.withResolvers<Heard>();
    const look = () => {
      const found = events.find(isMeant);
      if (found) resolve(found);
    };
    waiting.add(look);
    look();
    const found = await promise;
    waiting.delete(look);
    return found;
  };
  return { client, events, next };
}

/** What a call is refused with. */
export async function refusal(
  calling: Promise<unknown>,
): Promise<{ code: number; message: string }> {
  return await calling.then(
    (answer) => Promise.reject(new Error(`it was answered: ${JSON.stringify(answer)}`)),
    ({ code, message }: { code: number; message: string }) => ({ code, message }),
  );
}

/** Work that goes on until it is told to end. */
export function gated<T = unknown>() {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  return { work: async () => await promise, end: resolve, fail: reject };
}
