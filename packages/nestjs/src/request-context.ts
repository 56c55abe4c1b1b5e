import type { IncomingMessage } from 'node:http';
import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestMiddleware,
} from '@nestjs/common';
import { CONNECTION_HEADER } from '@trunkline/contract';
import type { Principal } from '@trunkline/server';
import { type Context, currentContext, currentPrincipal, runInContext } from './context.ts';
import { type HttpRequest, PrincipalSource } from './principal-source.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The context of one HTTP request: opened empty, its principal becomes known later. */
class RequestContext implements Context {
  readonly isPrivileged = false;
  readonly origin?: string;
  readonly #source: PrincipalSource;
  #request: HttpRequest;
  #principal: Principal | null = null;
  #asked: Promise<Principal | null> | undefined;

  constructor(request: HttpRequest, source: PrincipalSource) {
    this.#request = request;
    this.#source = source;
    const origin = request.headers[CONNECTION_HEADER];
    if (typeof origin === 'string' && UUID.test(origin)) this.origin = origin;
  }

  /** Who is known so far; what the app's own guard has set is looked for until it is there. */
  get principal(): Principal | null {
    this.#principal ??= this.#source.read(this.#request);
    return this.#principal;
  }

  /** Who it is, asked once per request. Takes the request in the form that the framework's guards see. */
  async authenticated(request: HttpRequest): Promise<Principal | null> {
    this.#request = request;
    this.#asked ??= this.#source.ask(request);
    this.#principal ??= await this.#asked;
    return this.principal;
  }
}

/** Opens an empty context for each request, before guards, pipes and interceptors run. */
@Injectable()
export class RequestContextMiddleware implements NestMiddleware {
  readonly #source: PrincipalSource;

  constructor(@Inject(PrincipalSource) source: PrincipalSource) {
    this.#source = source;
  }

  use(request: IncomingMessage, _response: unknown, next: () => void): void {
    runInContext(new RequestContext(request, this.#source), next);
  }
}

/** Fills the request's context, on every route: nobody is a legal answer here. */
@Injectable()
export class RequestPrincipalGuard implements CanActivate {
  async canActivate(execution: ExecutionContext): Promise<boolean> {
    await principalOfRequest(execution);
    return true;
  }
}

/**
 * Who this request, RPC or message acts for. For guards of the app's own that stand before ours:
 * Nest runs the root module's global guards first.
 */
export async function principalOfRequest(execution: ExecutionContext): Promise<Principal | null> {
  const context = currentContext();
  if (execution.getType() !== 'http' || !(context instanceof RequestContext)) {
    return currentPrincipal();
  }
  return await context.authenticated(execution.switchToHttp().getRequest<HttpRequest>());
}
