import { Global, Module } from '@nestjs/common';
import { AuditStore } from './audit.store.ts';

/** Global, so that it stops behind the real-time layer and before the database: see `AppModule`. */
@Global()
@Module({ providers: [AuditStore], exports: [AuditStore] })
export class AuditModule {}
