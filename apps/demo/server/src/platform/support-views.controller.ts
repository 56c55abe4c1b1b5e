import {
  Body,
  Controller,
  Delete,
  ForbiddenException,
  HttpCode,
  Param,
  Post,
  UseGuards,
} from '@nestjs/common';
import { CurrentPrincipal, PrincipalGuard } from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { actingAs, SupportViews, supportUserId } from '@/auth/support-views';
import { WebSocketService } from '@/infrastructure/websocket/websocket.service';
import { TenantId } from '../input.ts';
import { PlatformGuard } from './platform.guard.ts';
import { NewSupportView } from './platform-input.ts';
import { TenantRepository } from './tenant.repository.ts';

/** Staff who look into a tenant: for a reason, for half an hour. */
@Controller('api/platform/support-views')
export class SupportViewsController {
  constructor(
    private readonly supportViews: SupportViews,
    private readonly tenants: TenantRepository,
    private readonly webSocketService: WebSocketService,
  ) {}

  @Post()
  @UseGuards(PlatformGuard)
  async open(
    @Body({ schema: NewSupportView }) { tenantId, reason }: NewSupportView,
    @CurrentPrincipal() { userId }: Principal,
  ): Promise<{ tenantId: string; expiresAt: string }> {
    await this.tenants.require(tenantId);
    const { expiresAt } = await this.supportViews.open(userId, tenantId, reason);
    return { tenantId, expiresAt: expiresAt.toISOString() };
  }

  /** Also from inside: the page that looks into the tenant acts as the view itself. */
  @Delete(':tenantId')
  @HttpCode(204)
  @UseGuards(PrincipalGuard)
  async close(
    @Param('tenantId', { schema: TenantId }) tenantId: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    const staffId = staffIdOf(principal, tenantId);
    await this.supportViews.close(staffId, tenantId);
    await this.webSocketService.disconnectUser(supportUserId(staffId), {
      tenantId,
      reason: 'support view closed',
    });
  }
}

function staffIdOf(principal: Principal, tenantId: string): string {
  const { realm, userId } = principal;
  if (realm.kind === 'platform') return userId;
  const staff = realm.tenantId === tenantId ? actingAs(principal) : null;
  if (!staff) throw new ForbiddenException('This is for the platform’s staff');
  return staff.userId;
}
