import { Body, Controller, Get, HttpCode, Post, Query, UseGuards } from '@nestjs/common';
import { type OperationSnapshot, StartsOperation } from '@trunkline/nestjs';
import type { AuditRecord, Receipt } from '@trunkline/server';
import { AuditStore } from '@/audit/audit.store';
import { WebSocketService } from '@/infrastructure/websocket/websocket.service';
import { PlatformGuard } from './platform.guard.ts';
import { Alert, Announcement, AuditQuery, NewTenant } from './platform-input.ts';
import { type Tenant, TenantRepository } from './tenant.repository.ts';
import { TenantCreationService } from './tenant-creation.service.ts';

/** What the platform's staff does, from outside all tenants. */
@Controller('api/platform')
@UseGuards(PlatformGuard)
export class PlatformController {
  constructor(
    private readonly tenants: TenantRepository,
    private readonly tenantCreation: TenantCreationService,
    private readonly audit: AuditStore,
    private readonly webSocketService: WebSocketService,
  ) {}

  @Get('tenants')
  async list(): Promise<{ tenants: Tenant[] }> {
    return { tenants: await this.tenants.list() };
  }

  @Post('tenants')
  @StartsOperation()
  create(@Body({ schema: NewTenant }) tenant: NewTenant): Promise<OperationSnapshot> {
    return this.tenantCreation.startCreation(tenant);
  }

  @Post('announcements')
  @HttpCode(202)
  async announce(
    @Body({ schema: Announcement }) { tenantId, message }: Announcement,
  ): Promise<{ receipt: Receipt }> {
    await this.tenants.require(tenantId);
    const receipt = await this.webSocketService.sendToTenant(tenantId, {
      type: 'tenant:announcement',
      data: { message },
    });
    return { receipt };
  }

  @Post('alerts')
  @HttpCode(202)
  async alert(@Body({ schema: Alert }) data: Alert): Promise<{ receipt: Receipt }> {
    return {
      receipt: await this.webSocketService.sendToPlatform({ type: 'platform:alert', data }),
    };
  }

  @Get('audit')
  async records(
    @Query({ schema: AuditQuery }) { limit }: AuditQuery,
  ): Promise<{ records: AuditRecord[] }> {
    return { records: await this.audit.newest(limit) };
  }
}
