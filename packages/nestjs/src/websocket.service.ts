import { Inject, Injectable } from '@nestjs/common';
import { type AppEvent, type Channel, type Member, PLATFORM } from '@trunkline/contract';
import type { Cause, Node, Receipt, SendEventOptions } from '@trunkline/server';
import { Addresses, type ServiceCall, type TenantOption } from './addresses.ts';
import { checkOptions, roomOf } from './addressing.ts';
import { currentContext } from './context.ts';
import { NODE } from './options.ts';
import { Sender } from './sender.ts';
import type { RefreshOptions, RevocationOptions, TenantSender } from './tenant-sender.ts';

/** How to send. */
export interface SendOptions extends SendEventOptions, TenantOption {}

const SEND_OPTIONS = ['idempotencyKey', 'required', 'volatile', 'durable'];
const REFRESH_OPTIONS = ['idempotencyKey', 'required', 'durable', 'tenantId'];

/**
 * Says what happened and whom it concerns, and who hears of it. Every send resolves to a receipt when
 * the broker has answered, or says in the receipt that it did not; only a programmer's error rejects: a
 * bad id (`InvalidAddressError`), no tenant (`TenantRequiredError`), another tenant (`CrossTenantError`),
 * a bad event (`InvalidEventError`, `EventNotSerialisableError`, `PayloadTooLargeError`), and what was to
 * be `durable` and is not (`NotDurableError`).
 *
 * What is done to users (`joinRoom`, `leaveRoom`, `disconnectUser`, `disconnectTenant`,
 * `refreshPermissions`) holds on every node that shares the broker when it resolves, also when it is called
 * where nobody connects (`listen: false`). It rejects with `NodesUnreachableError` when a node that lives
 * has not confirmed it in `limits.orderTimeoutMs`, and with `OrderFailedError` when one could not do it: it
 * holds here all the same, and is not taken back.
 */
@Injectable()
export class WebSocketService {
  readonly #node: Node;
  readonly #addresses: Addresses;
  readonly #sender: Sender;

  constructor(@Inject(NODE) node: Node) {
    this.#node = node;
    this.#addresses = new Addresses(node);
    this.#sender = new Sender(node);
  }

  /** To every connection of a user in one tenant: the option's, else the context's. */
  async sendToUser<T extends string>(
    userId: string,
    event: AppEvent<T>,
    options: SendOptions = {},
  ): Promise<Receipt> {
    const call = serviceCall('sendToUser', options, [...SEND_OPTIONS, 'tenantId']);
    const { realm, userId: id } = this.#addresses.user(userId, call);
    const channel: Channel = { realm, target: { kind: 'user', userId: id } };
    return await this.#sender.send(channel, event, options, call.context);
  }

  /** To every connection whose active tenant this is. */
  async sendToTenant<T extends string>(
    tenantId: string,
    event: AppEvent<T>,
    options: SendEventOptions = {},
  ): Promise<Receipt> {
    const call = serviceCall('sendToTenant', options, SEND_OPTIONS);
    const channel: Channel = {
      realm: this.#addresses.tenant(tenantId, call),
      target: { kind: 'all' },
    };
    return await this.#sender.send(channel, event, options, call.context);
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
    const call = serviceCall('sendToRoom', options, [...SEND_OPTIONS, 'tenantId']);
    const channel = this.#addresses.roomOrRole(room, call);
    return await this.#sender.send(channel, event, options, call.context);
  }

  /** To all of the platform's staff. Allowed from a tenant's context, and put on record. */
  async sendToPlatform<T extends string>(
    event: AppEvent<T>,
    options: SendEventOptions = {},
  ): Promise<Receipt> {
    const { context } = serviceCall('sendToPlatform', options, SEND_OPTIONS);
    const channel: Channel = { realm: PLATFORM, target: { kind: 'all' } };
    return await this.#sender.send(channel, event, options, context);
  }

  /** Makes every page of the tenant that shows one of these tables refetch it. */
  async refreshTables(
    tables: readonly string[],
    options: RefreshOptions & TenantOption = {},
  ): Promise<Receipt> {
    const call = serviceCall('refreshTables', options, REFRESH_OPTIONS);
    const realm = this.#addresses.realm(call);
    return await this.#sender.refresh(realm, tables, options, call.context);
  }

  /**
   * Puts a user into a room of the tenant, until `leaveRoom`: connections that are open on any node, and
   * those to come. Rejects with `LimitExceededError` when they are in too many.
   */
  async joinRoom(userId: string, room: string, options: TenantOption = {}): Promise<void> {
    const call = serviceCall('joinRoom', options, ['tenantId']);
    const name = roomOf('joinRoom', room);
    await this.#node.users.joinRoom(this.#addresses.user(userId, call), name);
  }

  /**
   * Takes a user out of a room, on all nodes, whoever let them in. When it resolves, nothing more of the
   * room is written to them; whether they may come back by themselves is for the room's rule or policy.
   */
  async leaveRoom(
    userId: string,
    room: string,
    options: RevocationOptions & TenantOption = {},
  ): Promise<void> {
    const call = serviceCall('leaveRoom', options, ['reason', 'tenantId']);
    const name = roomOf('leaveRoom', room);
    const user = this.#addresses.user(userId, call);
    await this.#node.users.leaveRoom(user, name, causeOf(call, options));
  }

  /** Who is in a room now, on any node, who came first first. Nobody, where its rule has no `presence`. */
  async presence(room: string, options: TenantOption = {}): Promise<Member[]> {
    const call = serviceCall('presence', options, ['tenantId']);
    const { members } = await this.#node.members(this.#addresses.room(room, call));
    return [...members];
  }

  /**
   * Ends all connections of a user in one tenant, on all nodes, and refuses what was issued to them until
   * now. When it resolves, nothing more is written to them. Who may still log in can come back.
   */
  async disconnectUser(
    userId: string,
    options: RevocationOptions & TenantOption = {},
  ): Promise<void> {
    const call = serviceCall('disconnectUser', options, ['reason', 'tenantId']);
    const user = this.#addresses.user(userId, call);
    await this.#node.users.disconnect(user, undefined, causeOf(call, options));
  }

  /** The same for everybody in a tenant. Newcomers are for `authenticate` to refuse. */
  async disconnectTenant(tenantId: string, options: RevocationOptions = {}): Promise<void> {
    const call = serviceCall('disconnectTenant', options, ['reason']);
    const realm = this.#addresses.tenant(tenantId, call);
    await this.#node.users.disconnectRealm(realm, undefined, causeOf(call, options));
  }

  /**
   * Says that the roles or rooms of a user have changed: their connections, on all nodes, are asked about
   * again with `reauthorize`, or come back through `authenticate`. When it resolves, nothing more is
   * written to them of what is no longer theirs.
   */
  async refreshPermissions(
    userId: string,
    options: RevocationOptions & TenantOption = {},
  ): Promise<void> {
    const call = serviceCall('refreshPermissions', options, ['reason', 'tenantId']);
    const user = this.#addresses.user(userId, call);
    await this.#node.users.refreshPermissions(user, causeOf(call, options));
  }

  /** The same, bound to a tenant. Inside another tenant's context all of it rejects. */
  forTenant(tenantId: string): TenantSender {
    const bound = { tenantId };
    return {
      sendToUser: (userId, event, options) =>
        this.sendToUser(userId, event, { ...options, ...bound }),
      sendToTenant: (event, options) => this.sendToTenant(tenantId, event, options),
      sendToRoom: (room, event, options) => this.sendToRoom(room, event, { ...options, ...bound }),
      refreshTables: (tables, options) => this.refreshTables(tables, { ...options, ...bound }),
      joinRoom: (userId, room) => this.joinRoom(userId, room, bound),
      leaveRoom: (userId, room, options) => this.leaveRoom(userId, room, { ...options, ...bound }),
      presence: (room) => this.presence(room, bound),
      disconnectUser: (userId, options) => this.disconnectUser(userId, { ...options, ...bound }),
      disconnectTenant: (options) => this.disconnectTenant(tenantId, options),
      refreshPermissions: (userId, options) =>
        this.refreshPermissions(userId, { ...options, ...bound }),
    };
  }
}

/** All that there is. */
interface AnyOptions extends SendOptions, RevocationOptions {}

function serviceCall(method: string, options: AnyOptions, known: readonly string[]): ServiceCall {
  checkOptions(method, options, known);
  return { method, options, context: currentContext() };
}

/** Who does it, where somebody is known. */
function causeOf({ context }: ServiceCall, { reason }: RevocationOptions): Cause {
  const { principal } = context ?? {};
  return {
    ...(principal ? { by: { realm: principal.realm, userId: principal.userId } } : {}),
    ...(reason === undefined ? {} : { reason }),
  };
}
