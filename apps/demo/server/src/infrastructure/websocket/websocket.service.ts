export { WebSocketService } from '@trunkline/nestjs';
