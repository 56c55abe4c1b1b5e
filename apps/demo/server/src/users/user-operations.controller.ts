import { Body, Controller, Post, UseGuards } from '@nestjs/common';
import {
  CurrentPrincipal,
  IdempotencyKey,
  type OperationSnapshot,
  PrincipalGuard,
  StartsOperation,
} from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { z } from 'zod';
import { ExportFormat } from '#shared/operations';
import { tenantOf } from '@/auth/tenant';
import { ImportRequest } from './import-request.ts';
import { StoredImportService } from './stored-import.service.ts';
import { UserExportService } from './user-export.service.ts';

const ExportRequest = z.object({ format: ExportFormat });

/** What is long about the users table: answered at once, and watched from then on. */
@Controller('api/users')
@UseGuards(PrincipalGuard)
export class UserOperationsController {
  constructor(
    private readonly imports: StoredImportService,
    private readonly exports: UserExportService,
  ) {}

  @Post('imports')
  @StartsOperation()
  import(
    @Body({ schema: ImportRequest }) request: ImportRequest,
    @CurrentPrincipal() principal: Principal,
    @IdempotencyKey() idempotencyKey: string | undefined,
  ): Promise<OperationSnapshot> {
    return this.imports.startImport(request, principal, idempotencyKey);
  }

  @Post('exports')
  @StartsOperation()
  export(
    @Body({ schema: ExportRequest }) input: z.infer<typeof ExportRequest>,
    @CurrentPrincipal() principal: Principal,
    @IdempotencyKey() idempotencyKey: string | undefined,
  ): Promise<OperationSnapshot> {
    tenantOf(principal);
    return this.exports.startExport(input, idempotencyKey);
  }
}
