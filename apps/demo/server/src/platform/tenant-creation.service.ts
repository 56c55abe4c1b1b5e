import { ConflictException, Injectable } from '@nestjs/common';
import {
  currentOperation,
  Operation,
  type OperationSnapshot,
  Operations,
  UserFacingError,
} from '@trunkline/nestjs';
import { type NewTenant, tenantCreation } from '#shared/operations';
import { hashPassword } from '@/auth/password';
import { Database } from '@/infrastructure/database/database';
import { DEMO_PASSWORD } from '@/infrastructure/database/demo-accounts';
import { ADMINS } from '@/infrastructure/operations/audience';
import { WebSocketService } from '@/infrastructure/websocket/websocket.service';
import { TenantRepository, tenantExists } from './tenant.repository.ts';

/** Creates tenants, and tells who asked for one about each step. */
@Injectable()
export class TenantCreationService {
  constructor(
    private readonly database: Database,
    private readonly operations: Operations,
    private readonly webSocketService: WebSocketService,
    private readonly tenants: TenantRepository,
  ) {}

  /** Starts the creation. Throws a 409 when the tenant exists, or is being created. */
  async startCreation(tenant: NewTenant): Promise<OperationSnapshot> {
    const { id } = tenant;
    const labels = { tenant: id };
    // Whoever asks for the same one at the same time, at whichever node, finds it running.
    return await this.database.inTurn(async () => {
      if ((await this.tenants.has(id)) || (await this.#isRunning(labels))) throw tenantExists(id);
      return await this.operations.start(tenantCreation, {
        input: tenant,
        labels,
        audience: ADMINS,
      });
    });
  }

  @Operation(tenantCreation)
  async createTenant(tenant: NewTenant): Promise<NewTenant> {
    const operation = currentOperation();
    const preparing = 'Preparing the admin account...';
    await operation.progress({ stage: 'preparing', percentage: 10, message: preparing });
    const passwordHash = await hashPassword(DEMO_PASSWORD);

    const seeding = 'Adding users, products and a chat...';
    await operation.progress({ stage: 'seeding', percentage: 50, message: seeding });
    await this.#create(tenant, passwordHash, operation.id);

    const finalizing = 'Telling the platform...';
    await operation.progress({ stage: 'finalizing', percentage: 90, message: finalizing });
    await this.webSocketService.sendToRoom('platform:admins', {
      type: 'platform:notification',
      data: { message: `New tenant created: ${tenant.name}` },
    });
    return tenant;
  }

  async #isRunning(labels: Record<string, string>): Promise<boolean> {
    const filter = { type: tenantCreation.type, state: 'active', labels } as const;
    const { operations } = await this.operations.list(filter, { anyOwner: true });
    return operations.length > 0;
  }

  async #create(tenant: NewTenant, passwordHash: string, operationId: string): Promise<void> {
    try {
      await this.tenants.create(tenant, { passwordHash, operationId });
    } catch (error) {
      if (!(error instanceof ConflictException)) throw error;
      throw new UserFacingError(error.message, { code: 'tenant-exists', cause: error });
    }
  }
}
