import { ChevronLeft, PackageX, Trash2 } from 'lucide-react';
import type { ReactNode } from 'react';
import { useAuth } from '@/context/AuthContext';
import { useLiveProduct } from '@/hooks/useLiveProduct';
import { Link } from '../router.tsx';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { Empty } from '../ui/empty.tsx';
import { Failure } from '../ui/failure.tsx';
import { Main } from '../ui/page.tsx';
import type { Product } from './catalogue.ts';
import { Editable } from './editable.tsx';
import { Fresh } from './fresh.tsx';
import { NAME, PRICE, STOCK } from './kinds.ts';
import { LastChange } from './last-change.tsx';
import { useDeletion, useSaving } from './saving.ts';

/** One product, as it changes. */
export function ProductPage({ productId }: { productId: string }) {
  const { product, error, refetch } = useLiveProduct(productId);
  return (
    <Main title={product?.name ?? 'Product'} className="max-w-3xl py-8">
      <Link
        href="/products"
        className="-ml-1 inline-flex items-center gap-1 text-sm font-medium text-muted hover:text-ink"
      >
        <ChevronLeft className="size-4" aria-hidden="true" />
        All products
      </Link>
      <div className="mt-4">
        {product ? (
          <Details product={product} />
        ) : product === null ? (
          <Card>
            <Empty
              icon={PackageX}
              title="There is no such product"
              hint="It does not exist, or it has been deleted."
            />
          </Card>
        ) : error ? (
          <Card>
            <Failure
              title="The product could not be loaded"
              error={error}
              onRetry={() => void refetch()}
            />
          </Card>
        ) : (
          <DetailsSkeleton />
        )}
      </div>
    </Main>
  );
}

function Details({ product }: { product: Product }) {
  const { name, price, stock, version } = product;
  const { user } = useAuth();
  const { save, pending } = useSaving(product);
  return (
    <Card aria-label={name}>
      <div className="flex flex-wrap items-start justify-between gap-4 px-5 py-5 sm:px-6">
        <div className="min-w-0 flex-1">
          <h1 className="text-2xl font-semibold tracking-tight">
            <Editable
              label="Name"
              kind={NAME}
              value={name}
              pending={pending?.name}
              onSave={(value) => save({ name: value })}
            />
          </h1>
          <p className="mt-1 text-sm text-muted">
            Changed <LastChange product={product} />
          </p>
        </div>
        {user?.actingAs ? null : <Deletion product={product} />}
      </div>
      <dl className="grid grid-cols-1 border-t border-line sm:grid-cols-3">
        <Fact name="Price">
          <Editable
            label="Price"
            kind={PRICE}
            value={price}
            pending={pending?.price}
            onSave={(value) => save({ price: value })}
          />
        </Fact>
        <Fact name="Stock">
          <Editable
            label="Stock"
            kind={STOCK}
            value={stock}
            pending={pending?.stock}
            onSave={(value) => save({ stock: value })}
          />
        </Fact>
        <Fact name="Version">
          <Fresh value={version} className="-mx-1 px-1 tabular-nums">
            {version}
          </Fresh>
        </Fact>
      </dl>
    </Card>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="border-line px-5 py-4 not-first:border-t sm:px-6 sm:not-first:border-t-0 sm:not-first:border-l">
      <dt className="text-[0.8125rem] text-muted">{name}</dt>
      <dd className="mt-1 flex h-9 items-center text-xl font-semibold tracking-tight">
        {children}
      </dd>
    </div>
  );
}

function Deletion({ product }: { product: Product }) {
  const deletion = useDeletion(product);
  return (
    <Confirm
      trigger={
        <Button variant="quiet" size="small" disabled={deletion.isPending}>
          <Trash2 aria-hidden="true" />
          {deletion.isPending ? 'Deleting…' : 'Delete'}
        </Button>
      }
      title={`Delete ${product.name}?`}
      description="It disappears from every colleague’s list at once, and does not come back."
      confirmLabel="Delete product"
      onConfirm={() => deletion.mutate()}
    />
  );
}

function DetailsSkeleton() {
  return (
    <Card className="px-6 py-6">
      <p className="sr-only">Loading the product…</p>
      <div aria-hidden="true" className="h-5 w-1/3 animate-pulse rounded-full bg-raised" />
      <div aria-hidden="true" className="mt-8 h-4 w-2/3 animate-pulse rounded-full bg-raised" />
    </Card>
  );
}
