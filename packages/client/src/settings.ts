import { CONNECTION_PATH } from '@trunkline/contract';
import type { OnError } from './log.ts';
import type { ToastSource } from './toast-adapter.ts';

/** What was missed for good: the channels whose publications could not be recovered. */
export interface Gap {
  readonly channels: readonly string[];
}

/** How a page reaches its server. Everything is optional. */
export interface Settings {
  /** Default: `/connection/websocket` on the page's own origin. `https:` becomes `wss:`. */
  readonly url?: string | undefined;
  /**
   * Where a page connects that cannot open a WebSocket; `false`: nowhere. Default: beside `url`, as the
   * server has it: `/connection/http_stream`, `/connection/sse` and `/emulation`.
   */
  readonly httpFallback?: HttpFallback | false | undefined;
  /**
   * A token for the connect command; default: none, the browser's cookies say who this is.
   * `null` means: nobody is logged in. A thrown error is retried.
   */
  readonly getToken?: (() => string | null | Promise<string | null>) | undefined;
  /** The tenant that this page works in, for users of several. */
  readonly tenantId?: string | undefined;
  /** Shows the operations' toasts. */
  readonly toast?: ToastSource | undefined;
  /** Default: `console.error`. */
  readonly onError?: OnError | undefined;
  /** Called after events were missed for good; tables refresh by themselves. */
  readonly onGap?: ((gap: Gap) => void) | undefined;
}

/** The URLs of the HTTP fallback that differ from the defaults. */
export interface HttpFallback {
  readonly httpStream?: string;
  /** Default: none where there is a `getToken`, because an `EventSource` has it in its URL. */
  readonly sse?: string | false;
  readonly emulation?: string;
}

/** Whose connection it is, and to where. Two equal addresses share one connection. */
export interface Address {
  readonly url: string;
  readonly userId: string;
  readonly tenantId: string | undefined;
}

/** The address that a user id and the settings stand for. */
export function toAddress(userId: string, { url, tenantId }: Settings): Address {
  // untyped callers pass undefined, and numbers, which the server knows as strings
  const id = (userId as string | number | null | undefined) ?? '';
  return { url: url ?? CONNECTION_PATH, userId: String(id), tenantId };
}

/** An address as a key: equal if and only if the addresses are. */
export function addressKey({ url, userId, tenantId }: Address): string {
  return JSON.stringify([url, userId, tenantId ?? null]);
}

/** The URL for the WebSocket: relative ones belong to the page's origin. */
export function webSocketUrl(url: string): string {
  const resolved = new URL(url, globalThis.location?.href);
  resolved.protocol = resolved.protocol.replace(/^http/, 'ws');
  resolved.hash = '';
  return resolved.href;
}

/** Later settings over earlier ones; what is `undefined` changes nothing. */
export function mergeSettings(earlier: Settings, later: Settings): Settings {
  const given = Object.entries(later).filter(([, value]) => value !== undefined);
  return { ...earlier, ...Object.fromEntries(given) };
}

/**
 * Do these settings say the same? Functions are compared by their source, so that a module that is
 * evaluated again (hot reload, two bundles) does not count as another configuration.
 */
export function isSameSetting(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a === 'function' && typeof b === 'function') return a.toString() === b.toString();
  if (!isObject(a) || !isObject(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => isSameSetting(a[key], b[key]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
