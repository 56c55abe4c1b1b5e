import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useAuth } from '@/context/AuthContext';
import { useWebSocket } from '@/hooks/useWebSocket';
import { takeDeletion, takeProduct, useProducts } from './products.ts';

/** All products of the tenant as they change; `undefined` until they are loaded. */
export function useLiveProducts() {
  const { user } = useAuth();
  const queries = useQueryClient();
  const { data: catalogue, error, refetch } = useProducts();
  const { subscribe } = useWebSocket(user?.id || '');

  useEffect(() => {
    const unsubscribeUpdated = subscribe('data:product:updated', (event) => {
      takeProduct(queries, event.data.product);
    });

    const unsubscribeDeleted = subscribe('data:product:deleted', (event) => {
      takeDeletion(queries, event.data.productId);
    });

    return () => {
      unsubscribeUpdated();
      unsubscribeDeleted();
    };
  }, [subscribe, queries]);

  const products = catalogue?.isLoaded ? catalogue.products : undefined;
  return { products, error, refetch };
}
