import { z } from 'zod';
import { typed } from '../input.ts';

/** What a tenant sells. */
export interface Product {
  id: string;
  tenantId: string;
  name: string;
  /** In cents. */
  price: number;
  stock: number;
  /** One more with each change: of two states the higher one is the newer. */
  version: number;
  /** ISO 8601. */
  updatedAt: string;
  /** Id of the user whose change the newest is; `null`: nobody has changed it yet. */
  updatedBy: string | null;
}

/** Body of `PATCH /api/products/:id`: what is to change. */
export const ProductUpdates = z
  .strictObject({
    name: typed(120),
    price: z.number().int().min(0).max(100_000_000),
    stock: z.number().int().min(0).max(1_000_000),
  })
  .partial()
  .refine((updates) => Object.keys(updates).length > 0, 'names nothing to change');
export type ProductUpdates = z.infer<typeof ProductUpdates>;
