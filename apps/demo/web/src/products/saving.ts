import { useMutation, useQueryClient } from '@tanstack/react-query';
import { toast } from 'sonner';
import { errorMessage } from '@/api';
import { navigate } from '../router.tsx';
import type { Product, ProductUpdates } from './catalogue.ts';
import { deleteProduct, updateProduct } from './products.ts';

/** Saves changes of a product; one that fails is told in a toast, and the old value is back. */
export function useSaving({ id, name }: Product) {
  const queries = useQueryClient();
  const saving = useMutation({
    mutationFn: (updates: ProductUpdates) => updateProduct(queries, id, updates),
    onError: (error) => {
      toast.error(`${name} is unchanged`, { description: errorMessage(error) });
    },
  });
  return { save: saving.mutate, pending: saving.isPending ? saving.variables : undefined };
}

/** Deletes a product, and leaves its page. */
export function useDeletion({ id, name }: Product) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => deleteProduct(queries, id),
    onSuccess: () => {
      toast.success(`${name} is deleted`);
      navigate('/products', { replace: true });
    },
    onError: (error) => {
      toast.error(`${name} is still there`, { description: errorMessage(error) });
    },
  });
}
