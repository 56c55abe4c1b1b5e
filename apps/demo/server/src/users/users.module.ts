import { Module } from '@nestjs/common';
import { MailModule } from '../infrastructure/mail/mail.module.ts';
import { WebSocketModule } from '../infrastructure/websocket/websocket.module.ts';
import { UserImportService } from './user-import.service.ts';
import { UsersController } from './users.controller.ts';
import { UsersService } from './users.service.ts';

@Module({
  imports: [WebSocketModule, MailModule],
  controllers: [UsersController],
  providers: [UserImportService, UsersService],
})
export class UsersModule {}
