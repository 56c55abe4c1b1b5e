import type { IncomingMessage } from 'node:http';
import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestMiddleware,
  ServiceUnavailableException,
} from '@nestjs/common';
import { checkPrincipal, type Handshake, Node, type Principal } from '@trunkline/server';
import { type Context, currentContext, runInContext } from './context.ts';
import { OPTIONS, type WebSocketModuleOptions } from './options.ts';

/** An HTTP request as both platforms show it, as much of it as is needed here. */
type HttpRequest = Pick<IncomingMessage, 'headers' | 'url' | 'socket'> & { originalUrl?: string };

const CONNECTION_HEADER = 'x-trunkline-connection';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The context of one HTTP request: opened empty, its principal becomes known later. */
class RequestContext implements Context {
  readonly isPrivileged = false;
  readonly origin?: string;
  /** How to find the principal; tried again until there is one. */
  resolve: () => Principal | null = () => null;
  #principal: Principal | null = null;

  constructor({ headers }: HttpRequest) {
    const origin = headers[CONNECTION_HEADER];
    if (typeof origin === 'string' && UUID.test(origin)) this.origin = origin;
  }

  get principal(): Principal | null {
    this.#principal ??= this.resolve();
    return this.#principal;
  }
}

/** Opens an empty context for each request, before guards, pipes and interceptors run. */
@Injectable()
export class RequestContextMiddleware implements NestMiddleware {
  use(request: HttpRequest, _response: unknown, next: () => void): void {
    runInContext(new RequestContext(request), next);
  }
}

/**
 * Fills the request's context. With `principalOf`: reads what the app's own guard has set, at
 * first use. Without: asks `authenticate` once, with the request's headers and bearer token.
 */
@Injectable()
export class RequestPrincipalGuard implements CanActivate {
  readonly #options: WebSocketModuleOptions;
  readonly #node: Node;

  constructor(@Inject(OPTIONS) options: WebSocketModuleOptions, @Inject(Node) node: Node) {
    this.#options = options;
    this.#node = node;
  }

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const context = currentContext();
    if (execution.getType() !== 'http' || !(context instanceof RequestContext)) return true;
    const request = execution.switchToHttp().getRequest<HttpRequest>();
    if (this.#options.principalOf) {
      context.resolve = () => checked(this.#options.principalOf?.(request));
      return true;
    }
    const principal = await this.#authenticate(request);
    context.resolve = () => principal;
    return true;
  }

  async #authenticate(request: HttpRequest): Promise<Principal | null> {
    try {
      return checked(await this.#options.authenticate(handshakeOf(request)));
    } catch (error) {
      this.#node.log.error('hook_failed', { hook: 'authenticate', error: String(error) });
      throw new ServiceUnavailableException('Cannot tell who you are right now, try again');
    }
  }
}

function checked(principal: Principal | null | undefined): Principal | null {
  return principal ? checkPrincipal(principal) : null;
}

function handshakeOf(request: HttpRequest): Handshake {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  return {
    headers: request.headers,
    url: request.originalUrl ?? request.url ?? '/',
    remoteAddress: request.socket.remoteAddress ?? '',
    ...(bearer === undefined ? {} : { token: bearer }),
  };
}
