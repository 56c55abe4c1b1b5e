import { ConflictException, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { hashPassword } from '@/auth/password';
import { DEMO_PASSWORD } from '@/infrastructure/database/demo-accounts';
import { WebSocketService } from '@/infrastructure/websocket/websocket.service';
import { newOperationId } from '@/operation-id';
import { rootCause } from '@/root-cause';
import type { NewTenant } from './platform-input.ts';
import { TenantRepository, tenantExists } from './tenant.repository.ts';

/** Creates tenants, and tells who asked for one about each step. */
@Injectable()
export class TenantCreationService implements OnModuleDestroy {
  readonly #logger = new Logger(TenantCreationService.name);
  /** By the tenant's id. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(
    private readonly webSocketService: WebSocketService,
    private readonly tenants: TenantRepository,
  ) {}

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  /** Starts the creation and returns its operation's id. Throws a 409 when the tenant exists. */
  async startCreation(tenant: NewTenant, userId: string): Promise<string> {
    const { id } = tenant;
    if ((await this.tenants.has(id)) || this.#running.has(id)) throw tenantExists(id);
    const operationId = newOperationId('tenant-creation');
    const work = this.#createTenant(operationId, tenant, userId);
    this.#running.set(
      id,
      work.finally(() => this.#running.delete(id)),
    );
    return operationId;
  }

  async #createTenant(operationId: string, tenant: NewTenant, userId: string): Promise<void> {
    try {
      await this.sendProgress(
        operationId,
        userId,
        'preparing',
        10,
        'Preparing the admin account...',
      );
      const passwordHash = await hashPassword(DEMO_PASSWORD);

      await this.sendProgress(
        operationId,
        userId,
        'seeding',
        50,
        'Adding users, products and a chat...',
      );
      await this.tenants.create(tenant, passwordHash);

      await this.sendProgress(operationId, userId, 'finalizing', 90, 'Telling the platform...');
      await this.webSocketService.sendToRoom('platform:admins', {
        type: 'platform:notification',
        data: { message: `New tenant created: ${tenant.name}` },
      });

      await this.sendCompletion(operationId, userId, tenant);
    } catch (error) {
      await this.sendError(operationId, userId, this.#tellable(error, operationId));
    }
  }

  // Helper methods (same pattern for all operations)
  private async sendProgress(
    operationId: string,
    userId: string,
    stage: string,
    percentage: number,
    message: string,
  ) {
    await this.webSocketService.sendToUser(userId, {
      type: 'operation:progress',
      data: { operationId, operationType: 'tenant-creation', stage, percentage, message },
    });
  }

  private async sendCompletion(operationId: string, userId: string, tenant: NewTenant) {
    await this.webSocketService.sendToUser(userId, {
      type: 'operation:complete',
      data: { operationId, operationType: 'tenant-creation', result: tenant },
      metadata: {
        tablesToRefresh: ['tenants'],
        message: `${tenant.name} is ready: admin@${tenant.id}.test can sign in.`,
      },
    });
  }

  private async sendError(operationId: string, userId: string, error: string) {
    await this.webSocketService.sendToUser(userId, {
      type: 'operation:error',
      data: { operationId, operationType: 'tenant-creation', error },
      metadata: { message: 'Tenant creation failed' },
    });
  }

  /** What the user is told: a bug's own words are for the log only. */
  #tellable(error: unknown, operationId: string): string {
    if (error instanceof ConflictException) return error.message;
    this.#logger.error(`${operationId} failed: ${String(rootCause(error))}`);
    return 'Something went wrong on our side';
  }
}
