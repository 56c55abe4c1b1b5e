import { Module } from '@nestjs/common';
import { WebSocketModule } from '../infrastructure/websocket/websocket.module.ts';
import { ProductRepository } from './product.repository.ts';
import { ProductService } from './product.service.ts';
import { ProductsController } from './products.controller.ts';

@Module({
  imports: [WebSocketModule],
  controllers: [ProductsController],
  providers: [ProductRepository, ProductService],
})
export class ProductsModule {}
