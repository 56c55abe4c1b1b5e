import {
  Body,
  Controller,
  Get,
  HttpCode,
  Post,
  Req,
  Res,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { TENANT_HEADER } from '@trunkline/contract';
import { CurrentPrincipal, PrincipalGuard, runAs } from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { z } from 'zod';
import { WebSocketService } from '@/infrastructure/websocket/websocket.service';
import { AuthService } from './auth.service.ts';
import {
  type CookieRequest,
  clearedSessionCookie,
  sessionCookie,
  sessionTokenOf,
} from './session-cookie.ts';
import type { SignedInUser } from './signed-in-user.ts';

export interface SignedIn {
  user: SignedInUser;
}

const Credentials = z.object({
  email: z.string().trim().min(1).max(254),
  password: z.string().min(1).max(200),
});

@Controller('api/auth')
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly webSocketService: WebSocketService,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Post('login')
  @HttpCode(200)
  async login(
    @Body({ schema: Credentials }) { email, password }: z.infer<typeof Credentials>,
    @Req() request: CookieRequest,
    @Res({ passthrough: true }) response: object,
  ): Promise<SignedIn> {
    const wanted = request.headers[TENANT_HEADER];
    const signedIn = await this.auth.login(
      email,
      password,
      wanted === undefined ? null : String(wanted),
    );
    if (!signedIn) throw new UnauthorizedException('E-mail or password is wrong');
    this.#setCookie(response, sessionCookie(signedIn.token, request));
    return { user: signedIn.user };
  }

  @Post('logout')
  @HttpCode(204)
  async logout(
    @Req() request: CookieRequest,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    const token = sessionTokenOf(request.headers);
    this.#setCookie(response, clearedSessionCookie(request));
    for (const { realm, userId } of token ? await this.auth.logout(token) : []) {
      // Only what came with this session ends: their other browsers are still signed in.
      await runAs({ userId, realm, roles: [] }, () =>
        this.webSocketService.refreshPermissions(userId, { reason: 'log-out' }),
      );
    }
  }

  @Get('me')
  @UseGuards(PrincipalGuard)
  async me(@CurrentPrincipal() principal: Principal): Promise<SignedIn> {
    const user = await this.auth.describe(principal);
    if (!user) throw new UnauthorizedException('This account is gone');
    return { user };
  }

  #setCookie(response: object, cookie: string): void {
    this.adapterHost.httpAdapter.setHeader(response, 'set-cookie', cookie);
  }
}
