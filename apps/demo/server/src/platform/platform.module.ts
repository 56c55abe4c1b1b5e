import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.ts';
import { WebSocketModule } from '../infrastructure/websocket/websocket.module.ts';
import { PlatformController } from './platform.controller.ts';
import { SupportViewsController } from './support-views.controller.ts';
import { TenantRepository } from './tenant.repository.ts';
import { TenantCreationService } from './tenant-creation.service.ts';

@Module({
  imports: [WebSocketModule, AuthModule],
  controllers: [PlatformController, SupportViewsController],
  providers: [TenantRepository, TenantCreationService],
})
export class PlatformModule {}
