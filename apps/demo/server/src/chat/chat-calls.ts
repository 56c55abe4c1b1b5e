import { Injectable } from '@nestjs/common';
import { CallData, CurrentPrincipal, OnCall } from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { tenantOf } from '@/auth/tenant';
import { ChatRepository } from './chat.repository.ts';
import { ChatService } from './chat.service.ts';
import { Typing } from './chat-input.ts';

/** What pages call over their connection. */
@Injectable()
export class ChatCalls {
  constructor(
    private readonly chats: ChatRepository,
    private readonly chatService: ChatService,
  ) {}

  /** Who types is whose connection it is, and they must be in the chat: nobody types for others. */
  @OnCall('chat:typing', { schema: Typing })
  async typing(
    @CallData() { chatId, isTyping }: Typing,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    const { userId } = principal;
    await this.chats.requireMember(chatId, { tenantId: tenantOf(principal), userId });
    await this.chatService.sendTypingIndicator(chatId, userId, isTyping);
  }
}
