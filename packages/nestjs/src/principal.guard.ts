import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  UnauthorizedException,
} from '@nestjs/common';
import type { Principal } from '@trunkline/server';
import { currentPrincipal } from './context.ts';
import { principalOfRequest } from './request-context.ts';

/** Lets a request in only when it acts for somebody; 401 otherwise. Also fit as an `APP_GUARD`. */
@Injectable()
export class PrincipalGuard implements CanActivate {
  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const principal = await principalOfRequest(execution);
    if (!principal || principal.userId === '') throw new UnauthorizedException('Log in first');
    return true;
  }
}

/** A handler's parameter: the principal of its request. 401 when there is none. */
export const CurrentPrincipal: (...pipes: never[]) => ParameterDecorator = createParamDecorator(
  (): Principal => {
    const principal = currentPrincipal();
    if (!principal) throw new UnauthorizedException('Log in first');
    return principal;
  },
);
