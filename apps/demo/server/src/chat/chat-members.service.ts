import { Injectable, NotFoundException } from '@nestjs/common';
import { WebSocketService } from '@/infrastructure/websocket/websocket.service';
import { ChatRepository } from './chat.repository.ts';
import { type Chat, type Participant, roomOf } from './chat.ts';

/** Who is in a chat: the database says it, and the rooms follow at once. */
@Injectable()
export class ChatMembersService {
  constructor(
    private readonly webSocketService: WebSocketService,
    private readonly chats: ChatRepository,
  ) {}

  async create(name: string, memberIds: readonly string[], me: Participant): Promise<Chat> {
    const chat = await this.chats.create(name, memberIds, me);
    await Promise.all(chat.members.map(({ id }) => this.#welcome(chat.id, id, me)));
    return chat;
  }

  async add(chatId: string, userId: string, me: Participant): Promise<Chat> {
    const chat = await this.chats.addMember(chatId, userId, me);
    await this.#welcome(chatId, userId, me);
    await this.#tellMembers(chatId, me);
    return chat;
  }

  /** When this resolves, nothing more of the chat reaches them. */
  async remove(chatId: string, userId: string, me: Participant): Promise<Chat> {
    const { chat, wasMember } = await this.chats.removeMember(chatId, userId, me);
    // Also for who is no member any more: an earlier try may have failed at this point.
    await this.#settle(chatId, { ...me, userId });
    if (!wasMember) throw new NotFoundException('There is no such member');
    await this.#tellMembers(chatId, me);
    await this.webSocketService.sendToUser(userId, { type: 'chat:removed', data: { chatId } });
    return chat;
  }

  async #welcome(chatId: string, userId: string, me: Participant): Promise<void> {
    await this.#settle(chatId, { ...me, userId });
    await this.webSocketService.sendToUser(userId, { type: 'chat:added', data: { chatId } });
  }

  /**
   * Makes the room what the database says, and looks again: of one request that adds somebody and
   * one that removes them, whichever acts on the room last must not undo the other.
   */
  async #settle(chatId: string, person: Participant): Promise<void> {
    const isMember = await this.chats.isMember(chatId, person);
    const room = roomOf(chatId);
    if (isMember) await this.webSocketService.joinRoom(person.userId, room);
    else
      await this.webSocketService.leaveRoom(person.userId, room, {
        reason: 'removed from the chat',
      });
    if ((await this.chats.isMember(chatId, person)) !== isMember)
      await this.#settle(chatId, person);
  }

  /** Asked for anew: of two changes at a time, the one that is told last may have been made first. */
  async #tellMembers(chatId: string, me: Participant): Promise<void> {
    const data = { chatId, members: await this.chats.membersOf(chatId, me) };
    await this.webSocketService.sendToRoom(roomOf(chatId), { type: 'chat:members', data });
  }
}
