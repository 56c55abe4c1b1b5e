import { Injectable, NotFoundException } from '@nestjs/common';
import { and, asc, eq, type SQL, sql } from 'drizzle-orm';
import { currentTenant } from '@/auth/tenant';
import { Database } from '@/infrastructure/database/database';
import { products } from '@/infrastructure/database/schema';
import type { Product, ProductUpdates } from './product.ts';

/** The products of the tenant that the request acts in. One of another tenant's is absent: 404. */
@Injectable()
export class ProductRepository {
  constructor(private readonly database: Database) {}

  async list(): Promise<Product[]> {
    const rows = await this.database.queries
      .select()
      .from(products)
      .where(eq(products.tenantId, currentTenant()))
      .orderBy(asc(products.name), asc(products.id));
    return rows.map(toProduct);
  }

  async find(id: string): Promise<Product> {
    return present(await this.database.queries.select().from(products).where(isMine(id)));
  }

  /** One statement: of two changes at a time each gets a version of its own. */
  async update(id: string, updates: ProductUpdates, userId: string): Promise<Product> {
    return present(
      await this.database.queries
        .update(products)
        .set({
          ...updates,
          version: sql`${products.version} + 1`,
          updatedAt: sql`now()`,
          updatedBy: userId,
        })
        .where(isMine(id))
        .returning(),
    );
  }

  async delete(id: string): Promise<Product> {
    return present(await this.database.queries.delete(products).where(isMine(id)).returning());
  }
}

function isMine(id: string): SQL | undefined {
  return and(eq(products.tenantId, currentTenant()), eq(products.id, id));
}

function present([row]: (typeof products.$inferSelect)[]): Product {
  if (!row) throw new NotFoundException('There is no such product');
  return toProduct(row);
}

function toProduct({ updatedAt, ...product }: typeof products.$inferSelect): Product {
  return { ...product, updatedAt: updatedAt.toISOString() };
}
