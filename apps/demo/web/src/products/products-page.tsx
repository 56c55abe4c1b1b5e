import { Package } from 'lucide-react';
import { useAuth } from '@/context/AuthContext';
import { tenantOf } from '../tenants.ts';
import { Card } from '../ui/card.tsx';
import { Empty } from '../ui/empty.tsx';
import { Failure } from '../ui/failure.tsx';
import { Page } from '../ui/page.tsx';
import { TableHead, TableSkeleton } from '../ui/table.tsx';
import { useLiveProducts } from './live-products.ts';
import { ProductRow } from './product-row.tsx';

const COLUMNS = [
  { name: 'Product', className: 'w-auto' },
  { name: 'Price', className: 'w-32 text-right sm:w-40' },
  { name: 'Stock', className: 'w-28 text-right max-md:pr-4 sm:w-36' },
  { name: 'Last change', className: 'hidden w-72 pl-10 md:table-cell' },
];

/** A tenant's products: what anybody changes, everybody sees. */
export function ProductsPage() {
  const { user } = useAuth();
  const { products, error, refetch } = useLiveProducts();
  const name = user ? tenantOf(user).name : 'your company';
  return (
    <Page
      title="Products"
      lead={`What ${name} sells. Click a price or a stock to change it: every colleague sees it at once.`}
    >
      <Card aria-label="Products" className="overflow-hidden">
        {error && products ? (
          <Failure
            title="The products could not be refreshed"
            error={error}
            isCompact
            onRetry={() => void refetch()}
          />
        ) : null}
        {error && !products ? (
          <Failure
            title="The products could not be loaded"
            error={error}
            onRetry={() => void refetch()}
          />
        ) : products?.length === 0 ? (
          <Empty icon={Package} title="No products" hint="All of them have been deleted." />
        ) : (
          <table className="w-full table-fixed text-left text-sm" aria-label="Products">
            <TableHead columns={COLUMNS} />
            {products ? (
              <tbody>
                {products.map((product) => (
                  <ProductRow key={product.id} product={product} columns={COLUMNS} />
                ))}
              </tbody>
            ) : (
              <TableSkeleton columns={COLUMNS} rows={6} />
            )}
          </table>
        )}
      </Card>
    </Page>
  );
}
