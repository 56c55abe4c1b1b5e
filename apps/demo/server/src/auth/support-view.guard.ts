import type { IncomingMessage } from 'node:http';
import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
} from '@nestjs/common';
import { principalOfRequest } from '@trunkline/nestjs';
import { isReading } from './same-origin.guard.ts';
import { actingAs } from './support-views.ts';

/** Where a support view ends, and its staff logs out. */
const WAYS_OUT = /^\/api\/(platform\/support-views|auth)\//;

/** A support view is for looking: it changes nothing of the tenant's. */
@Injectable()
export class SupportViewGuard implements CanActivate {
  async canActivate(execution: ExecutionContext): Promise<boolean> {
    if (execution.getType() !== 'http') return true;
    const { method, url } = execution.switchToHttp().getRequest<IncomingMessage>();
    if (isReading(method) || WAYS_OUT.test(url ?? '')) return true;
    const principal = await principalOfRequest(execution);
    if (!principal || !actingAs(principal)) return true;
    throw new ForbiddenException('A support view is for looking: it changes nothing');
  }
}
