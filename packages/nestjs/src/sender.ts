import { createHash } from 'node:crypto';
import {
  type AppEvent,
  type Channel,
  channelKey,
  type Realm,
  tenantRealm,
} from '@trunkline/contract';
import {
  checkSend,
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
import type { TenantOption } from './addresses.ts';
import type { Context } from './context.ts';

type SendTo = SendEventOptions & TenantOption;

/** Sends events, and the signals that go with them, on behalf of a context. */
export class Sender {
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  // Everything that can reject comes before the first publish, and nothing is awaited until the
  // last: an event and its signal go together, and sends get their offsets in the order of the calls.
  async send(
    channel: Channel,
    event: AppEvent,
    options: SendTo,
    context: Context | undefined,
  ): Promise<Receipt> {
    const sealed = this.#seal(event, this.#addressOf(channel, context));
    const signal = this.#sealSignal(channel, event, sealed.id, context);
    checkSend(this.#node, channel, event.type, options);
    this.#warnIfLarge(event, sealed.bytes);
    this.#audit(channel, event.type, options, context);
    const receipt = sendEvent(this.#node, channel, sealed, options);
    if (signal) await Promise.all([receipt, this.#sendSignal(channel, signal, options)]);
    return await receipt;
  }

  /** Makes every page of the realm that shows one of these tables refetch it. */
  async refresh(
    realm: Realm,
    tables: readonly string[],
    options: SendEventOptions,
    context: Context | undefined,
  ): Promise<Receipt> {
    const { limits } = this.#node;
    const signal = sealRefreshSignal(tables, { realm, ...this.#originOf(context) }, limits);
    return await sendEvent(this.#node, { realm, target: { kind: 'all' } }, signal, options);
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
    { idempotencyKey }: SendEventOptions,
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

  /** A tenant may tell the platform something; that it did is put on record. */
  #audit({ realm, target }: Channel, type: string, options: SendTo, context?: Context): void {
    const { userId, realm: own } = context?.principal ?? {};
    const from = options.tenantId === undefined ? own : tenantRealm(options.tenantId);
    if (realm.kind !== 'platform' || from?.kind !== 'tenant') return;
    this.#node.audit({
      action: 'platform-send',
      outcome: 'allowed',
      realm: from,
      ...(userId === undefined ? {} : { userId }),
      ...(target.kind === 'role' ? { room: `platform:${target.role}` } : {}),
      reason: type,
    });
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
