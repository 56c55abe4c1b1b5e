import { Link } from '../router.tsx';
import { type Column, TableRow } from '../ui/table.tsx';
import type { Product } from './catalogue.ts';
import { Editable } from './editable.tsx';
import { Fresh } from './fresh.tsx';
import { PRICE, STOCK } from './kinds.ts';
import { LastChange } from './last-change.tsx';
import { pathOfProduct } from './products.ts';
import { useSaving } from './saving.ts';

interface ProductRowProps {
  product: Product;
  columns: readonly Column[];
}

/** A product; its price and its stock can be changed right here. */
export function ProductRow({ product, columns }: ProductRowProps) {
  const { id, name, price, stock, version } = product;
  const { save, pending } = useSaving(product);
  return (
    <TableRow
      columns={columns}
      cells={[
        <Link
          key="name"
          href={pathOfProduct(id)}
          title={name}
          className="block font-medium underline-offset-3 hover:underline"
        >
          <Fresh value={name} className="max-w-full truncate align-middle">
            {name}
          </Fresh>
        </Link>,
        <Editable
          key="price"
          label={`Price of ${name}`}
          kind={PRICE}
          value={price}
          align="right"
          pending={pending?.price}
          onSave={(value) => save({ price: value })}
        />,
        <Editable
          key="stock"
          label={`Stock of ${name}`}
          kind={STOCK}
          value={stock}
          align="right"
          pending={pending?.stock}
          onSave={(value) => save({ stock: value })}
        />,
        <Fresh key="change" value={version} className="max-w-full truncate align-middle text-muted">
          <LastChange product={product} />
        </Fresh>,
      ]}
    />
  );
}
