import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  UnauthorizedException,
} from '@nestjs/common';
import { principalOfRequest } from '@trunkline/nestjs';

/** Lets the platform's staff in: not a tenant's people, and not staff who look into a tenant. */
@Injectable()
export class PlatformGuard implements CanActivate {
  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const principal = await principalOfRequest(execution);
    if (!principal) throw new UnauthorizedException('Log in first');
    if (principal.realm.kind === 'platform') return true;
    throw new ForbiddenException('This is for the platform’s staff');
  }
}
