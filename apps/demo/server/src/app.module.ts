import './events.ts';
import {
  BadRequestException,
  type DynamicModule,
  Global,
  Module,
  StandardSchemaValidationPipe,
} from '@nestjs/common';
import { APP_GUARD, APP_PIPE } from '@nestjs/core';
import { OperationsModule } from '@trunkline/nestjs';
import { AuditModule } from './audit/audit.module.ts';
import { AuditStore } from './audit/audit.store.ts';
import { AuthModule } from './auth/auth.module.ts';
import { AuthService } from './auth/auth.service.ts';
import { SameOriginGuard } from './auth/same-origin.guard.ts';
import { SupportViewGuard } from './auth/support-view.guard.ts';
import { ChatModule } from './chat/chat.module.ts';
import { ChatRooms } from './chat/chat-rooms.ts';
import { ChatStoreModule } from './chat/chat-store.module.ts';
import { ENVIRONMENT, type Environment } from './environment.ts';
import { FilesModule } from './files/files.module.ts';
import { HealthController } from './health.controller.ts';
import { DatabaseModule } from './infrastructure/database/database.module.ts';
import { Database } from './infrastructure/database/database.ts';
import { operationsOptions } from './infrastructure/operations/operations-options.ts';
import { WebSocketModule } from './infrastructure/websocket/websocket.module.ts';
import { webSocketOptions } from './infrastructure/websocket/websocket-options.ts';
import { PlatformModule } from './platform/platform.module.ts';
import { ProductsModule } from './products/products.module.ts';
import { UsersModule } from './users/users.module.ts';
import { WebModule } from './web/web.module.ts';

/** The settings, for whoever injects `ENVIRONMENT`. */
@Global()
@Module({})
class EnvironmentModule {
  static forRoot(environment: Environment): DynamicModule {
    return {
      module: EnvironmentModule,
      providers: [{ provide: ENVIRONMENT, useValue: environment }],
      exports: [ENVIRONMENT],
    };
  }
}

@Module({})
export class AppModule {
  static forRoot(environment: Environment, database: Database): DynamicModule {
    return {
      module: AppModule,
      imports: [
        EnvironmentModule.forRoot(environment),
        // These three stop in reverse: the last records are written, then the database closes.
        DatabaseModule.forRoot(database),
        AuditModule,
        WebSocketModule.forRootAsync({
          imports: [AuthModule, ChatStoreModule],
          inject: [AuthService, ChatRooms, AuditStore],
          useFactory: (auth: AuthService, chatRooms: ChatRooms, audit: AuditStore) => ({
            authenticate: (handshake) => auth.authenticate(handshake),
            reauthorize: (principal) => auth.reauthorize(principal),
            roomsOf: (principal) => chatRooms.of(principal),
            audit,
            ...webSocketOptions(environment),
          }),
        }),
        OperationsModule.forRootAsync({
          inject: [Database, ENVIRONMENT],
          useFactory: operationsOptions,
          http: { path: 'api/operations' },
        }),
        AuthModule,
        UsersModule,
        FilesModule,
        ChatModule,
        ProductsModule,
        PlatformModule,
        WebModule.forRoot(),
      ],
      controllers: [HealthController],
      providers: [
        { provide: APP_GUARD, useClass: SameOriginGuard },
        { provide: APP_GUARD, useClass: SupportViewGuard },
        { provide: APP_PIPE, useFactory: validationPipe },
      ],
    };
  }
}

function validationPipe() {
  return new StandardSchemaValidationPipe({
    exceptionFactory: (issues) => {
      const problems = issues.map(({ path = [], message }) => {
        const where = path.map((segment) =>
          String(typeof segment === 'object' ? segment.key : segment),
        );
        return where.length === 0 ? message : `${where.join('.')}: ${message}`;
      });
      return new BadRequestException(problems.join('; '));
    },
  });
}
