import { Module } from '@nestjs/common';
import { FileStoreModule } from '../infrastructure/files/file-store.module.ts';
import { MailModule } from '../infrastructure/mail/mail.module.ts';
import { WebSocketModule } from '../infrastructure/websocket/websocket.module.ts';
import { ImportedUsers } from './imported-users.ts';
import { StoredImportService } from './stored-import.service.ts';
import { UserExportService } from './user-export.service.ts';
import { UserImportService } from './user-import.service.ts';
import { UserOperationsController } from './user-operations.controller.ts';
import { UserPages } from './user-pages.ts';
import { UsersController } from './users.controller.ts';
import { UsersService } from './users.service.ts';
import { WelcomeService } from './welcome.service.ts';

@Module({
  imports: [WebSocketModule, MailModule, FileStoreModule],
  controllers: [UsersController, UserOperationsController],
  providers: [
    UserImportService,
    UsersService,
    StoredImportService,
    ImportedUsers,
    WelcomeService,
    UserExportService,
    UserPages,
  ],
})
export class UsersModule {}
