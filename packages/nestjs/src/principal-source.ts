import type { IncomingMessage } from 'node:http';
import { Inject, Injectable, ServiceUnavailableException } from '@nestjs/common';
import { TENANT_HEADER } from '@trunkline/contract';
import {
  type AddressOf,
  actingAsOf,
  addressBehind,
  checkPrincipal,
  describeError,
  type Handshake,
  type Node,
  type Principal,
  withTimeout,
} from '@trunkline/server';
import { NODE, OPTIONS, type WebSocketModuleOptions } from './options.ts';

/** An HTTP request as both platforms show it, as much of it as is needed here. */
export type HttpRequest = Pick<IncomingMessage, 'headers' | 'method' | 'url' | 'socket'> & {
  originalUrl?: string;
};

/**
 * Where an HTTP request's principal comes from: `principalOf` reads what the app's own guard has
 * set, else `authenticate` is asked with the request's headers and bearer token.
 */
@Injectable()
export class PrincipalSource {
  readonly #options: WebSocketModuleOptions;
  readonly #node: Node;
  readonly #addressOf: AddressOf;

  constructor(@Inject(OPTIONS) options: WebSocketModuleOptions, @Inject(NODE) node: Node) {
    this.#options = options;
    this.#node = node;
    this.#addressOf = addressBehind(options.trustedProxies ?? []);
  }

  /** What the app's own guard has set so far; `null` without `principalOf`. */
  read(request: HttpRequest): Principal | null {
    return this.#recorded(request, valid(this.#options.principalOf?.(request)));
  }

  /** Asks `authenticate`; `null` with `principalOf`. Throws 503 when it cannot tell now. */
  async ask(request: HttpRequest): Promise<Principal | null> {
    const { authenticate } = this.#options;
    if (this.#options.principalOf || !authenticate) return null;
    const { hookTimeoutMs } = this.#node.limits;
    const late = () => new Error(`authenticate did not answer in ${hookTimeoutMs} ms`);
    const asking = (async () => await authenticate(this.#handshakeOf(request)))();
    try {
      const principal = valid(await withTimeout(asking, hookTimeoutMs, late));
      if (!principal) this.#recordRefusal(request);
      return this.#recorded(request, principal);
    } catch (error) {
      this.#node.log.error('hook_failed', { hook: 'authenticate', error: describeError(error) });
      throw new ServiceUnavailableException('Cannot tell who you are right now, try again');
    }
  }

  /** Nobody is a legal answer; not where a page says that it works in a tenant. */
  #recordRefusal(request: HttpRequest): void {
    const asked = request.headers[TENANT_HEADER];
    if (asked === undefined) return;
    this.#node.audit({
      action: 'authentication-failed',
      outcome: 'denied',
      address: this.#addressOf(request),
      reason: 'refused',
      details: { asked: String(asked).slice(0, 64), method: request.method, path: pathOf(request) },
    });
  }

  /** What staff looks at in a tenant is put on record, whether or not their page is connected. */
  #recorded(request: HttpRequest, principal: Principal | null): Principal | null {
    const by = principal ? actingAsOf(principal) : undefined;
    if (!principal || !by) return principal;
    const { realm, userId, expiresAt } = principal;
    const { reason } = principal.claims as { readonly reason?: unknown };
    this.#node.audit({
      action: 'support-view',
      outcome: 'allowed',
      realm,
      userId,
      address: this.#addressOf(request),
      ...(typeof reason === 'string' ? { reason } : {}),
      details: {
        by: { realm: by.realm, userId: by.userId },
        expiresAt,
        method: request.method,
        path: pathOf(request),
      },
    });
    return principal;
  }

  #handshakeOf(request: HttpRequest): Handshake {
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    return {
      headers: request.headers,
      url: urlOf(request),
      remoteAddress: this.#addressOf(request),
      ...(bearer === undefined ? {} : { token: bearer }),
    };
  }
}

function urlOf({ originalUrl, url = '/' }: HttpRequest): string {
  return originalUrl ?? url;
}

/** Without the query: what is in it is nobody's business. */
function pathOf(request: HttpRequest): string {
  return urlOf(request).split('?')[0] ?? '/';
}

/** A principal that is well formed and has not expired; nobody otherwise. */
function valid(principal: Principal | null | undefined): Principal | null {
  if (!principal) return null;
  const checked = checkPrincipal(principal);
  return (checked.expiresAt ?? Infinity) <= Date.now() ? null : checked;
}
