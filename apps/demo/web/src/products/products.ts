import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query';
import { isMissing, json, request } from '@/api';
import {
  type Catalogue,
  findProduct,
  newerOf,
  type Product,
  type ProductUpdates,
  withList,
  withoutProduct,
  withProduct,
} from './catalogue.ts';

declare module '@trunkline/contract' {
  interface Events {
    /** To the tenant. */
    'data:product:updated': { productId: string; product: Product; updates: ProductUpdates };
    'data:product:deleted': { productId: string };
  }
}

/** The path of a product's page. */
export function pathOfProduct(productId: string): string {
  return `/products/${encodeURIComponent(productId)}`;
}

/** Takes a product as the server has told it, if it is news. */
export function takeProduct(queries: QueryClient, product: Product): void {
  queries.setQueryData<Catalogue>(LIST_KEY, (catalogue) => withProduct(catalogue, product));
  queries.setQueryData<Product | null>(keyOf(product.id), (known) =>
    known === null ? null : newerOf(known, product),
  );
}

/** Takes it that a product has been deleted. */
export function takeDeletion(queries: QueryClient, productId: string): void {
  queries.setQueryData<Catalogue>(LIST_KEY, (catalogue) => withoutProduct(catalogue, productId));
  queries.setQueryData<Product | null>(keyOf(productId), null);
}

/** The tenant's products. */
export function useProducts() {
  const queries = useQueryClient();
  return useQuery({
    queryKey: LIST_KEY,
    queryFn: async ({ signal }) => {
      const { products } = await request<{ products: Product[] }>('/api/products', { signal });
      // read now: events have gone on while the list was on its way
      return withList(queries.getQueryData<Catalogue>(LIST_KEY), products);
    },
    meta: { isLive: true },
  });
}

/** A product, `null` when there is none (any more). */
export function useProduct(productId: string) {
  const queries = useQueryClient();
  return useQuery({
    queryKey: keyOf(productId),
    queryFn: async ({ signal }) => {
      const told = await loadProduct(productId, signal);
      const known = queries.getQueryData<Product | null>(keyOf(productId));
      return told === null || known === null ? null : newerOf(known, told);
    },
    placeholderData: () =>
      findProduct(queries.getQueryData<Catalogue>(LIST_KEY)?.products, productId),
    meta: { isLive: true },
  });
}

/** Changes a product; rejects with an `ApiError`. */
export async function updateProduct(
  queries: QueryClient,
  productId: string,
  updates: ProductUpdates,
): Promise<void> {
  takeProduct(queries, await request<Product>(apiPath(productId), json('PATCH', updates)));
}

/** Deletes a product; rejects with an `ApiError`. */
export async function deleteProduct(queries: QueryClient, productId: string): Promise<void> {
  await request(apiPath(productId), { method: 'DELETE' });
  takeDeletion(queries, productId);
}

const LIST_KEY = ['products'] as const;

function keyOf(productId: string) {
  return ['product', productId] as const;
}

function apiPath(productId: string): string {
  return `/api/products/${encodeURIComponent(productId)}`;
}

async function loadProduct(productId: string, signal: AbortSignal): Promise<Product | null> {
  try {
    return await request<Product>(apiPath(productId), { signal });
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
