import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import {
  type AppEvent,
  type Channel,
  channelKey,
  isSameRealm,
  PLATFORM,
  type Realm,
} from '@trunkline/contract';
import {
  checkIdempotencyKey,
  type EventAddress,
  type Node,
  PayloadTooLargeError,
  type Receipt,
  type SealedEvent,
  type SendEventOptions,
  sealEvent,
  sealRefreshSignal,
  sendEvent,
} from '@trunkline/server';
import {
  ambientRealm,
  CrossTenantError,
  checkOptions,
  namedRealm,
  roomAddressOf,
  SEND_EVENT_OPTIONS,
  userIdOf,
} from './addressing.ts';
import { type Context, currentContext } from './context.ts';
import { NODE } from './options.ts';

/** How to send. */
export interface SendOptions extends SendEventOptions {
  /** The tenant, where the context does not give it. Another tenant than the context's rejects. */
  readonly tenantId?: string;
}

/** The sends, bound to one tenant: for workers, timers and whatever runs outside a request. */
export interface TenantSender {
  sendToUser<T extends string>(
    userId: string,
    event: AppEvent<T>,
    options?: SendEventOptions,
  ): Promise<Receipt>;
  sendToTenant<T extends string>(event: AppEvent<T>, options?: SendEventOptions): Promise<Receipt>;
  sendToRoom<T extends string>(
    room: string,
    event: AppEvent<T>,
    options?: SendEventOptions,
  ): Promise<Receipt>;
  refreshTables(tables: readonly string[], options?: SendEventOptions): Promise<Receipt>;
}

/**
 * Says what happened and whom it concerns. Every send resolves to a receipt when the broker has
 * answered, or says in the receipt that it did not; only a programmer's error rejects: a bad id
 * (`InvalidAddressError`), no tenant (`TenantRequiredError`), another tenant (`CrossTenantError`), a
 * bad event (`InvalidEventError`, `EventNotSerialisableError`, `PayloadTooLargeError`).
 */
@Injectable()
export class WebSocketService {
  readonly #node: Node;

  constructor(@Inject(NODE) node: Node) {
    this.#node = node;
  }

  /** To every connection of a user in one tenant: the option's, else the context's. */
  async sendToUser<T extends string>(
    userId: string,
    event: AppEvent<T>,
    options: SendOptions = {},
  ): Promise<Receipt> {
    checkOptions('sendToUser', options);
    const context = currentContext();
    const target = { kind: 'user', userId: userIdOf('sendToUser', userId) } as const;
    const realm = this.#realmOf('sendToUser', options, context);
    return await this.#send({ realm, target }, event, options, context);
  }

  /** To every connection whose active tenant this is. */
  async sendToTenant<T extends string>(
    tenantId: string,
    event: AppEvent<T>,
    options: SendEventOptions = {},
  ): Promise<Receipt> {
    checkOptions('sendToTenant', options, SEND_EVENT_OPTIONS);
    const context = currentContext();
    const realm = namedRealm('sendToTenant', tenantId, context);
    return await this.#send({ realm, target: { kind: 'all' } }, event, options, context);
  }

  /**
   * To everyone in a room of the tenant, e.g. `chat:42`. Two spellings address a role instead:
   * `tenant:{id}:{role}` and `platform:{role}`.
   */
  async sendToRoom<T extends string>(
    room: string,
    event: AppEvent<T>,
    options: SendOptions = {},
  ): Promise<Receipt> {
    checkOptions('sendToRoom', options);
    const context = currentContext();
    const channel = this.#roomChannel(room, options, context);
    return await this.#send(channel, event, options, context);
  }

  /** To all of the platform's staff. Allowed from a tenant's context, and audited. */
  async sendToPlatform<T extends string>(
    event: AppEvent<T>,
    options: SendEventOptions = {},
  ): Promise<Receipt> {
    checkOptions('sendToPlatform', options, SEND_EVENT_OPTIONS);
    const channel: Channel = { realm: PLATFORM, target: { kind: 'all' } };
    return await this.#send(channel, event, options, currentContext());
  }

  /** Makes every page of the tenant that shows one of these tables refetch it. */
  async refreshTables(tables: readonly string[], options: SendOptions = {}): Promise<Receipt> {
    checkOptions('refreshTables', options);
    const context = currentContext();
    const realm = this.#realmOf('refreshTables', options, context);
    const signal = sealRefreshSignal(
      tables,
      { realm, ...this.#originOf(context) },
      this.#node.limits,
    );
    return await sendEvent(this.#node, { realm, target: { kind: 'all' } }, signal, options);
  }

  /** The same sends, bound to a tenant. Inside another tenant's context they reject. */
  forTenant(tenantId: string): TenantSender {
    return {
      sendToUser: (userId, event, options) =>
        this.sendToUser(userId, event, { ...options, tenantId }),
      sendToTenant: (event, options) => this.sendToTenant(tenantId, event, options),
      sendToRoom: (room, event, options) => this.sendToRoom(room, event, { ...options, tenantId }),
      refreshTables: (tables, options) => this.refreshTables(tables, { ...options, tenantId }),
    };
  }

  /** The realm that the options name, even if they name nothing usable; else the context's. */
  #realmOf(method: string, options: SendOptions, context?: Context): Realm {
    if (Object.hasOwn(options, 'tenantId')) return namedRealm(method, options.tenantId, context);
    return ambientRealm(method, context);
  }

  #roomChannel(room: string, options: SendOptions, context?: Context): Channel {
    const address = roomAddressOf('sendToRoom', room);
    if (address.kind === 'room') {
      const realm = this.#realmOf('sendToRoom', options, context);
      return { realm, target: { kind: 'room', room } };
    }
    const realm = this.#roleRealm(address.realm, options, context);
    return { realm, target: { kind: 'role', role: address.role } };
  }

  /** A sender that is bound to a tenant reaches that tenant's roles only. */
  #roleRealm(realm: Realm, options: SendOptions, context?: Context): Realm {
    if (Object.hasOwn(options, 'tenantId')) {
      const bound = namedRealm('sendToRoom', options.tenantId, context);
      const leavesTenant = realm.kind === 'tenant' && !isSameRealm(bound, realm);
      if (leavesTenant) throw new CrossTenantError('sendToRoom', bound, realm);
    }
    return realm.kind === 'tenant' ? namedRealm('sendToRoom', realm.tenantId, context) : realm;
  }

  // Everything that can reject comes before the first publish, and nothing is awaited until the
  // last: an event and its signal go together, and sends get their offsets in the order of the calls.
  async #send(
    channel: Channel,
    event: AppEvent,
    options: SendOptions,
    context: Context | undefined,
  ): Promise<Receipt> {
    checkIdempotencyKey(options.idempotencyKey);
    const sealed = this.#seal(event, this.#addressOf(channel, context));
    const signal = this.#sealSignal(channel, event, sealed.id, context);
    this.#warnIfLarge(event, sealed.bytes);
    this.#audit(channel, event, options, context);
    const receipt = sendEvent(this.#node, channel, sealed, options);
    if (signal) await Promise.all([receipt, this.#sendSignal(channel, signal, options)]);
    return await receipt;
  }

  #seal(event: AppEvent, address: EventAddress): SealedEvent {
    try {
      return sealEvent(event, address, this.#node.limits);
    } catch (error) {
      if (error instanceof PayloadTooLargeError) {
        this.#node.exceeded('maxEventBytes', { type: event.type });
      }
      throw error;
    }
  }

  /** A table is its tenant's: what one person is told, everybody's page must follow (design D8). */
  #sealSignal(
    { realm, target }: Channel,
    { metadata }: AppEvent,
    cause: string,
    context: Context | undefined,
  ): SealedEvent | null {
    const tables = metadata?.tablesToRefresh ?? [];
    const isNarrow = target.kind === 'all' || metadata?.refreshScope === 'user';
    if (tables.length === 0 || isNarrow) return null;
    return sealRefreshSignal(
      tables,
      { realm, ...this.#originOf(context) },
      this.#node.limits,
      cause,
    );
  }

  async #sendSignal(
    channel: Channel,
    signal: SealedEvent,
    { idempotencyKey }: SendOptions,
  ): Promise<void> {
    const all: Channel = { realm: channel.realm, target: { kind: 'all' } };
    const key = idempotencyKey === undefined ? {} : signalKey(channel, idempotencyKey);
    await sendEvent(this.#node, all, signal, key);
  }

  #warnIfLarge({ type }: AppEvent, bytes: number): void {
    const { limits, log } = this.#node;
    if (bytes <= limits.warnEventBytes) return;
    this.#node.counters.limits.warnEventBytes += 1;
    log.warn('event_large', { type, bytes, warnEventBytes: limits.warnEventBytes });
  }

  /** A tenant may tell the platform something; that it did is written down. */
  #audit(
    { realm }: Channel,
    { type }: AppEvent,
    { tenantId }: SendOptions,
    context?: Context,
  ): void {
    const { userId, realm: from } = context?.principal ?? {};
    const isFromTenant = tenantId !== undefined || from?.kind === 'tenant';
    if (realm.kind !== 'platform' || !isFromTenant) return;
    this.#node.log.info('audit_send_to_platform', { type, userId, realm: from, tenantId });
  }

  #addressOf({ realm, target }: Channel, context?: Context): EventAddress {
    const scope =
      target.kind !== 'all' ? target.kind : realm.kind === 'tenant' ? 'tenant' : 'platform';
    const room = target.kind === 'room' ? { room: target.room } : {};
    return { realm, scope, ...room, ...this.#originOf(context) };
  }

  /**
   * The page behind this request, if its connection really is this user's and this node's: every
   * receiver reads the id, and with a colleague's one could make their page skip a refresh.
   */
  #originOf(context?: Context): { origin?: string } {
    const { origin, principal } = context ?? {};
    if (!origin || !principal || !this.#node.isConnectionOf(origin, principal)) return {};
    return { origin };
  }
}

/** The signal of another channel's event is another signal, on the same `@all`. Hashed to be short. */
function signalKey(channel: Channel, key: string): SendEventOptions {
  const hash = createHash('sha256').update(`${channelKey(channel)} ${key}`);
  return { idempotencyKey: hash.digest('base64url') };
}
