import { Module } from '@nestjs/common';
import { AuthController } from './auth.controller.ts';
import { AuthService } from './auth.service.ts';
import { SupportViews } from './support-views.ts';

@Module({
  controllers: [AuthController],
  providers: [AuthService, SupportViews],
  exports: [AuthService, SupportViews],
})
export class AuthModule {}
