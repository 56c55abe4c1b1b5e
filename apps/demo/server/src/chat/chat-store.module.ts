import { Module } from '@nestjs/common';
import { ChatRepository } from './chat.repository.ts';
import { ChatMessageRepository } from './chat-message.repository.ts';
import { ChatRooms } from './chat-rooms.ts';

/** The chats' tables alone: the real-time layer itself asks them who is in which chat. */
@Module({
  providers: [ChatRepository, ChatMessageRepository, ChatRooms],
  exports: [ChatRepository, ChatMessageRepository, ChatRooms],
})
export class ChatStoreModule {}
