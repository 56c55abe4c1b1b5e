import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { Database } from './infrastructure/database/database.ts';

/** Answer of `GET /api/health`. */
export interface Health {
  status: 'ok';
  database: 'pglite' | 'postgres';
}

@Controller('api/health')
export class HealthController {
  constructor(private readonly database: Database) {}

  @Get()
  async check(): Promise<Health> {
    try {
      await this.database.ping();
    } catch {
      throw new ServiceUnavailableException('The database does not answer');
    }
    return { status: 'ok', database: this.database.kind };
  }
}
