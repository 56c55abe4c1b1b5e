import { Body, Controller, Delete, Get, HttpCode, Post, Query, UseGuards } from '@nestjs/common';
import { CurrentPrincipal, PrincipalGuard } from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import type { ImportResults } from '#shared/operations';
import { tenantOf } from '@/auth/tenant';
import { WebSocketService } from '@/infrastructure/websocket/websocket.service';
import { UserImportService } from './user-import.service.ts';
import { UsersQuery } from './users.query.ts';
import { UsersService } from './users.service.ts';

/** One row of the users table. */
export interface UserRow {
  id: string;
  email: string;
  name: string;
  role: 'admin' | 'member' | 'viewer';
  department: string | null;
  /** Did it come with a CSV import? Only those are removed by `DELETE /api/users/imported`. */
  imported: boolean;
  /** ISO 8601. */
  createdAt: string;
}

/** Answer of `GET /api/users`. A page behind the last one has no users. */
export interface UsersPage {
  users: UserRow[];
  /** How many users match, on all pages. */
  total: number;
  page: number;
  pageSize: number;
}

/** Answer of `POST /api/users/import`. */
export interface ImportAnswer {
  operationId: string;
  results: ImportResults;
}

/**
 * Body of the 4xx or 5xx of an import that failed. With an `operationId` the user has been told
 * already, by the operation's toast; `message` is the same text.
 */
export interface ImportRefusal {
  statusCode: number;
  error: string;
  message: string;
  operationId: string;
}

/** Answer of `DELETE /api/users/imported`. */
export interface DeletedUsers {
  deleted: number;
}

/** The users of the caller's own tenant: no route takes a tenant's id. */
@Controller('api/users')
@UseGuards(PrincipalGuard)
export class UsersController {
  constructor(
    private readonly users: UsersService,
    private readonly userImport: UserImportService,
    private readonly webSocketService: WebSocketService,
  ) {}

  @Get()
  list(
    @Query({ schema: UsersQuery }) query: UsersQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<UsersPage> {
    return this.users.list(tenantOf(principal), query);
  }

  /** The body is not validated here: a wrong one is told by a toast too, as every failed import. */
  @Post('import')
  @HttpCode(200)
  import(
    @Body() body: { csvData?: unknown } | undefined,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ImportAnswer> {
    tenantOf(principal);
    return this.userImport.importUsers(body?.csvData, principal.userId);
  }

  @Delete('imported')
  async deleteImported(@CurrentPrincipal() principal: Principal): Promise<DeletedUsers> {
    const deleted = await this.users.deleteImported(tenantOf(principal));
    await this.webSocketService.refreshTables(['users']);
    return { deleted };
  }
}
