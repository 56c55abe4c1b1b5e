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
import type { Realm } from '@trunkline/contract';
import { CurrentPrincipal, PrincipalGuard } from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { z } from 'zod';
import { AuthService } from './auth.service.ts';
import {
  type CookieRequest,
  clearedSessionCookie,
  sessionCookie,
  sessionTokenOf,
} from './session-cookie.ts';

/** The signed-in user, as `POST /api/auth/login` and `GET /api/auth/me` answer it. */
export interface SignedInUser {
  id: string;
  email: string;
  name: string;
  role: 'admin' | 'member' | 'viewer';
  realm: Realm;
  /** The realm's tenant; `null` for the platform's staff. */
  tenantId: string | null;
}

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
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Post('login')
  @HttpCode(200)
  async login(
    @Body({ schema: Credentials }) { email, password }: z.infer<typeof Credentials>,
    @Req() request: CookieRequest,
    @Res({ passthrough: true }) response: object,
  ): Promise<SignedIn> {
    const signedIn = await this.auth.login(email, password);
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
    if (token) await this.auth.logout(token);
    this.#setCookie(response, clearedSessionCookie(request));
  }

  @Get('me')
  @UseGuards(PrincipalGuard)
  async me(@CurrentPrincipal() principal: Principal): Promise<SignedIn> {
    const user = await this.auth.findUser(principal.userId);
    if (!user) throw new UnauthorizedException('This account is gone');
    return { user };
  }

  #setCookie(response: object, cookie: string): void {
    this.adapterHost.httpAdapter.setHeader(response, 'set-cookie', cookie);
  }
}
