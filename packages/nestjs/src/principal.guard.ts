import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  UnauthorizedException,
} from '@nestjs/common';
import type { Principal } from '@trunkline/server';
import { currentPrincipal } from './context.ts';

/** Lets a request in only when it acts for somebody; 401 otherwise. */
@Injectable()
export class PrincipalGuard implements CanActivate {
  canActivate(_execution: ExecutionContext): boolean {
    const principal = currentPrincipal();
    if (!principal || principal.userId === '') throw new UnauthorizedException('Log in first');
    return true;
  }
}

/** A handler's parameter: the principal of its request. 403 for a handler without `PrincipalGuard`. */
export const CurrentPrincipal: (...pipes: never[]) => ParameterDecorator = createParamDecorator(
  (): Principal => {
    const principal = currentPrincipal();
    if (!principal) throw new ForbiddenException('This needs a principal: use PrincipalGuard');
    return principal;
  },
);
