import { Module } from '@nestjs/common';
import { WebSocketModule } from '../infrastructure/websocket/websocket.module.ts';
import { ChatService } from './chat.service.ts';
import { ChatCalls } from './chat-calls.ts';
import { ChatMembersService } from './chat-members.service.ts';
import { ChatRoomPolicy } from './chat-room.policy.ts';
import { ChatStoreModule } from './chat-store.module.ts';
import { ChatsController } from './chats.controller.ts';

@Module({
  imports: [WebSocketModule, ChatStoreModule],
  controllers: [ChatsController],
  providers: [ChatService, ChatMembersService, ChatCalls, ChatRoomPolicy],
})
export class ChatModule {}
