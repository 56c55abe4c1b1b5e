import { Injectable } from '@nestjs/common';
import { WebSocketService } from '@/infrastructure/websocket/websocket.service';
import { ProductRepository } from './product.repository.ts';
import type { Product, ProductUpdates } from './product.ts';

/** Changes products, and tells everyone in their tenant. */
@Injectable()
export class ProductService {
  constructor(
    private readonly webSocketService: WebSocketService,
    private readonly productRepository: ProductRepository,
  ) {}

  async updateProduct(
    productId: string,
    updates: ProductUpdates,
    userId: string,
  ): Promise<Product> {
    const updatedProduct = await this.productRepository.update(productId, updates, userId);

    // Notify all users in the same tenant about the update
    await this.webSocketService.sendToTenant(updatedProduct.tenantId, {
      type: 'data:product:updated',
      data: { productId, product: updatedProduct, updates },
    });

    return updatedProduct;
  }

  async deleteProduct(productId: string): Promise<void> {
    const { tenantId } = await this.productRepository.delete(productId);
    await this.webSocketService.sendToTenant(tenantId, {
      type: 'data:product:deleted',
      data: { productId },
    });
  }
}
