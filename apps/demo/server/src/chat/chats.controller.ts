import { Body, Controller, Delete, Get, Param, Post, Query, UseGuards } from '@nestjs/common';
import { CurrentPrincipal, PrincipalGuard } from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { tenantOf } from '@/auth/tenant';
import { Id } from '../input.ts';
import { ChatRepository } from './chat.repository.ts';
import { ChatService } from './chat.service.ts';
import type { Chat, ChatMessage, MessagePage, Participant, Person } from './chat.ts';
import { MessagesQuery, NewChat, NewMember, NewMessage } from './chat-input.ts';
import { ChatMembersService } from './chat-members.service.ts';
import { ChatMessageRepository } from './chat-message.repository.ts';

/** The caller's own chats. One that they are not in is as absent as one that never was: 404. */
@Controller('api')
@UseGuards(PrincipalGuard)
export class ChatsController {
  constructor(
    private readonly chats: ChatRepository,
    private readonly messages: ChatMessageRepository,
    private readonly members: ChatMembersService,
    private readonly chatService: ChatService,
  ) {}

  @Get('chats')
  async list(@CurrentPrincipal() principal: Principal): Promise<{ chats: Chat[] }> {
    return { chats: await this.chats.list(participantOf(principal)) };
  }

  @Post('chats')
  create(
    @Body({ schema: NewChat }) { name, memberIds }: NewChat,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Chat> {
    return this.members.create(name, memberIds, participantOf(principal));
  }

  @Post('chats/:chatId/members')
  addMember(
    @Param('chatId', { schema: Id }) chatId: string,
    @Body({ schema: NewMember }) { userId }: NewMember,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Chat> {
    return this.members.add(chatId, userId, participantOf(principal));
  }

  @Delete('chats/:chatId/members/:userId')
  removeMember(
    @Param('chatId', { schema: Id }) chatId: string,
    @Param('userId', { schema: Id }) userId: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Chat> {
    return this.members.remove(chatId, userId, participantOf(principal));
  }

  @Get('chat/:chatId/messages')
  page(
    @Param('chatId', { schema: Id }) chatId: string,
    @Query({ schema: MessagesQuery }) query: MessagesQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<MessagePage> {
    return this.messages.page(chatId, query, participantOf(principal));
  }

  @Post('chat/:chatId/messages')
  send(
    @Param('chatId', { schema: Id }) chatId: string,
    @Body({ schema: NewMessage }) message: NewMessage,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ChatMessage> {
    const { userId } = participantOf(principal);
    return this.chatService.sendMessage(chatId, message, userId);
  }

  @Get('colleagues')
  async colleagues(@CurrentPrincipal() principal: Principal): Promise<{ users: Person[] }> {
    return { users: await this.chats.colleagues(participantOf(principal)) };
  }
}

function participantOf(principal: Principal): Participant {
  return { tenantId: tenantOf(principal), userId: principal.userId };
}
