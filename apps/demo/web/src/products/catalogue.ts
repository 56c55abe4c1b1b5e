/** Something that a tenant sells. */
export interface Product {
  id: string;
  tenantId: string;
  name: string;
  /** Cents. */
  price: number;
  stock: number;
  /** Higher after each change. */
  version: number;
  /** ISO 8601. */
  updatedAt: string;
  /** Who has changed it last. */
  updatedBy: string | null;
}

/** What can be changed of a product. */
export type ProductUpdates = Partial<Pick<Product, 'name' | 'price' | 'stock'>>;

/** What is known of a tenant's products. */
export interface Catalogue {
  products: readonly Product[];
  /** Ids of those that have been deleted: a list that was on its way may still have them. */
  deleted: readonly string[];
  /** Has the list been loaded? Until then, these are only what events have told. */
  isLoaded: boolean;
}

const NOTHING: Catalogue = { products: [], deleted: [], isLoaded: false };

/** The newer of two versions of a product, in whatever order they have come. */
export function newerOf(known: Product | null | undefined, told: Product): Product {
  return known && known.id === told.id && known.version > told.version ? known : told;
}

/** A catalogue after a product has changed. */
export function withProduct(catalogue: Catalogue | undefined, told: Product): Catalogue {
  const known = catalogue ?? NOTHING;
  if (known.deleted.includes(told.id)) return known;
  const isNew = !known.products.some(({ id }) => id === told.id);
  const products = known.products.map((one) => (one.id === told.id ? newerOf(one, told) : one));
  return { ...known, products: isNew ? [...products, told] : products };
}

/** A catalogue after a product has been deleted. */
export function withoutProduct(catalogue: Catalogue | undefined, productId: string): Catalogue {
  const known = catalogue ?? NOTHING;
  return {
    ...known,
    products: known.products.filter(({ id }) => id !== productId),
    deleted: [...known.deleted.filter((id) => id !== productId), productId],
  };
}

/** A catalogue after the list has been loaded: what events told while it was on its way stays. */
export function withList(catalogue: Catalogue | undefined, list: readonly Product[]): Catalogue {
  const known = catalogue ?? NOTHING;
  const products = list
    .filter(({ id }) => !known.deleted.includes(id))
    .map((told) => newerOf(findProduct(known.products, told.id), told));
  return { products, deleted: known.deleted, isLoaded: true };
}

/** The product of that id, if it is among them. */
export function findProduct(
  products: readonly Product[] | undefined,
  productId: string,
): Product | undefined {
  return products?.find(({ id }) => id === productId);
}
