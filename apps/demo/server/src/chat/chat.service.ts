import { Injectable } from '@nestjs/common';
import { currentTenant } from '@/auth/tenant';
import { WebSocketService } from '@/infrastructure/websocket/websocket.service';
import type { ChatMessage } from './chat.ts';
import type { NewMessage } from './chat-input.ts';
import { ChatMessageRepository } from './chat-message.repository.ts';

/** What is said in a chat, and that somebody is about to say something. */
@Injectable()
export class ChatService {
  constructor(
    private readonly webSocketService: WebSocketService,
    private readonly messageRepository: ChatMessageRepository,
  ) {}

  async sendMessage(chatId: string, message: NewMessage, userId: string): Promise<ChatMessage> {
    // Save to database
    const savedMessage = await this.saveMessage(chatId, message, userId);

    // Send to all chat participants via WebSocket
    await this.webSocketService.sendToRoom(`chat:${chatId}`, {
      type: 'chat:message',
      data: { chatId, message: savedMessage },
    });

    return savedMessage;
  }

  async sendTypingIndicator(chatId: string, userId: string, isTyping: boolean) {
    await this.webSocketService.sendToRoom(`chat:${chatId}`, {
      type: 'chat:typing',
      data: { chatId, userId, isTyping },
    });
  }

  private saveMessage(chatId: string, message: NewMessage, userId: string): Promise<ChatMessage> {
    return this.messageRepository.add(chatId, message, { tenantId: currentTenant(), userId });
  }
}
