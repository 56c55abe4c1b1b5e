export { WebSocketModule } from '@trunkline/nestjs';
