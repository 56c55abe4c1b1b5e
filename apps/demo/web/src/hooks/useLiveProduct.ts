import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useAuth } from '@/context/AuthContext';
import { useWebSocket } from '@/hooks/useWebSocket';
import { takeDeletion, takeProduct, useProduct } from '../products/products.ts';

/** A product as it changes: `undefined` until it is loaded, `null` when there is none (any more). */
export function useLiveProduct(productId: string) {
  const { user } = useAuth();
  const queries = useQueryClient();
  const { data: product, error, refetch } = useProduct(productId);
  const { subscribe } = useWebSocket(user?.id || '');

  useEffect(() => {
    const unsubscribeUpdated = subscribe('data:product:updated', (event) => {
      if (event.data.productId === productId) {
        takeProduct(queries, event.data.product);
      }
    });

    const unsubscribeDeleted = subscribe('data:product:deleted', (event) => {
      if (event.data.productId === productId) {
        takeDeletion(queries, productId);
      }
    });

    return () => {
      unsubscribeUpdated();
      unsubscribeDeleted();
    };
  }, [productId, subscribe, queries]);

  return { product, error, refetch };
}
