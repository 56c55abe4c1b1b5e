import { type Database, Operations, type WebSocketService } from '@trunkline/nestjs';
import {
  type AuditRecord,
  type Broker,
  type Log,
  MemoryBroker,
  type Node,
} from '@trunkline/server';
import { SlowBroker } from '@trunkline/server/testing';
import type { Platform } from '../../packages/nestjs/test/harness.ts';
import { Accounts } from './accounts.ts';
import { type App, startIsolationApp } from './app.ts';
import { Secrets, Wiretap } from './markers.ts';
import { Peer } from './peer.ts';
import { EVERYBODY, type Person } from './people.ts';

/** Which broker a world runs on: one that answers at once, or one that takes its time. */
export type Engine = 'memory' | 'slow';

/** How a world is made. */
export interface WorldSetup {
  readonly platform: Platform;
  readonly engine: Engine;
  readonly canReauthorize: boolean;
  readonly random: () => number;
  /** Where its application keeps operations. Default: it has none. */
  readonly database?: Database;
}

/** Calls of the application's hooks, and of the broker. */
export interface CallCounts {
  hooks: number;
  broker: number;
}

/** Connections of each user. */
const TABS = 3;
const MAX_BROKER_DELAY_MS = 2;

/** One application and everybody's clients, with a wiretap on whatever goes out. */
export class World {
  readonly accounts: Accounts;
  readonly wiretap: Wiretap;
  readonly peers: readonly Peer[];
  readonly calls: Readonly<CallCounts>;
  /** What the server itself says went wrong. */
  readonly errors: readonly string[];
  readonly audited: readonly AuditRecord[];
  readonly canReauthorize: boolean;
  readonly #app: App;
  readonly #joins = new Map<Person, Set<string>>();

  private constructor(
    app: App,
    accounts: Accounts,
    witnesses: Witnesses,
    { canReauthorize }: WorldSetup,
  ) {
    this.#app = app;
    this.canReauthorize = canReauthorize;
    this.accounts = accounts;
    this.wiretap = witnesses.wiretap;
    this.calls = witnesses.calls;
    this.errors = witnesses.errors;
    this.audited = witnesses.audited;
    this.peers = EVERYBODY.flatMap((person) =>
      Array.from({ length: TABS }, () => new Peer(person, this.wiretap)),
    );
  }

  static async start(setup: WorldSetup): Promise<World> {
    const { platform, engine, canReauthorize, random, database } = setup;
    const secrets = new Secrets(random);
    const witnesses = newWitnesses(secrets);
    const accounts = new Accounts(secrets);
    await accounts.start();
    const { calls, errors, audited } = witnesses;
    const app = await startIsolationApp({
      platform,
      canReauthorize,
      database,
      accounts,
      secrets,
      broker: counted(newBroker(engine, random), calls),
      log: logInto(errors),
      audit: { record: (record) => void audited.push(record) },
      onHook: () => {
        calls.hooks += 1;
      },
    });
    return new World(app, accounts, witnesses, setup);
  }

  get secrets(): Secrets {
    return this.wiretap.secrets;
  }

  get node(): Node {
    return this.#app.node;
  }

  get service(): WebSocketService {
    return this.#app.service;
  }

  get operations(): Operations {
    return this.#app.app.get<Operations>(Operations);
  }

  /** Where HTTP requests go. */
  get httpUrl(): string {
    return this.#app.url;
  }

  /** What an HTTP route answers to a person, status and body, read by the wiretap like everything else. */
  async request(person: Person, path: string, init: RequestInit = {}): Promise<string> {
    const response = await fetch(this.httpUrl + path, init);
    const text = await response.text();
    this.wiretap.read(person, text);
    return `${response.status} ${text}`;
  }

  /** From here on the server may put this person into the room. */
  noteJoin(person: Person, room: string): void {
    this.#joins.set(person, (this.#joins.get(person) ?? new Set()).add(room));
  }

  /** May the server ever have put this person into the room? */
  mayBeIn(person: Person, room: string): boolean {
    const isFromTheStart = person.userId === 'ada' && room === 'team:1';
    return isFromTheStart || this.#joins.get(person)?.has(room) === true;
  }

  async stop(): Promise<void> {
    for (const peer of this.peers) peer.hangUp();
    await this.#app.app.close();
    await this.accounts.stop();
  }
}

interface Witnesses {
  readonly wiretap: Wiretap;
  readonly calls: CallCounts;
  readonly errors: string[];
  readonly audited: AuditRecord[];
}

function newWitnesses(secrets: Secrets): Witnesses {
  return { wiretap: new Wiretap(secrets), calls: { hooks: 0, broker: 0 }, errors: [], audited: [] };
}

function newBroker(engine: Engine, random: () => number): Broker {
  if (engine === 'memory') return new MemoryBroker();
  return new SlowBroker({ random, maxDelayMs: MAX_BROKER_DELAY_MS });
}

/** The same broker, whose calls are counted. */
function counted(broker: Broker, calls: CallCounts): Broker {
  return new Proxy(broker, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        calls.broker += 1;
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
}

/** A violation has a counter of its own. */
function logInto(errors: string[]): Log {
  const error: Log['error'] = (message, fields) => {
    if (message !== 'isolation_violation') errors.push(`${message} ${JSON.stringify(fields)}`);
  };
  return { info: () => {}, warn: () => {}, error };
}
