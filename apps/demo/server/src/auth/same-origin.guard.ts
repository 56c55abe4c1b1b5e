import type { IncomingMessage } from 'node:http';
import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
} from '@nestjs/common';

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses what a page of another site sends with our cookie (CSRF). Browsers name the page's origin
 * in each changing request; what is not a browser sends none and has no cookie jar to abuse.
 */
@Injectable()
export class SameOriginGuard implements CanActivate {
  canActivate(execution: ExecutionContext): boolean {
    // A connection's own origin was looked at when it was made.
    if (execution.getType() !== 'http') return true;
    const { method, headers } = execution.switchToHttp().getRequest<IncomingMessage>();
    const { origin, host } = headers;
    if (isReading(method) || origin === undefined || hostOf(origin) === host) return true;
    throw new ForbiddenException(`A page of ${origin} may not change anything here`);
  }
}

/** Does a request of this method change nothing? */
export function isReading(method: string | undefined): boolean {
  return READING.has(method ?? '');
}

// The scheme is not compared: TLS may end at a proxy.
function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
