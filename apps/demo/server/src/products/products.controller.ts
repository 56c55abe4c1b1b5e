import { Body, Controller, Delete, Get, HttpCode, Param, Patch, UseGuards } from '@nestjs/common';
import { CurrentPrincipal, PrincipalGuard } from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { Id } from '../input.ts';
import { ProductRepository } from './product.repository.ts';
import { ProductService } from './product.service.ts';
import { type Product, ProductUpdates } from './product.ts';

/** The products of the caller's own tenant: no route takes a tenant's id. */
@Controller('api/products')
@UseGuards(PrincipalGuard)
export class ProductsController {
  constructor(
    private readonly products: ProductRepository,
    private readonly productService: ProductService,
  ) {}

  @Get()
  async list(): Promise<{ products: Product[] }> {
    return { products: await this.products.list() };
  }

  @Get(':id')
  find(@Param('id', { schema: Id }) id: string): Promise<Product> {
    return this.products.find(id);
  }

  @Patch(':id')
  update(
    @Param('id', { schema: Id }) id: string,
    @Body({ schema: ProductUpdates }) updates: ProductUpdates,
    @CurrentPrincipal() { userId }: Principal,
  ): Promise<Product> {
    return this.productService.updateProduct(id, updates, userId);
  }

  @Delete(':id')
  @HttpCode(204)
  async delete(@Param('id', { schema: Id }) id: string): Promise<void> {
    await this.productService.deleteProduct(id);
  }
}
