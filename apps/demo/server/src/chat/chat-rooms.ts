import { Injectable } from '@nestjs/common';
import type { Principal } from '@trunkline/server';
import { ChatRepository } from './chat.repository.ts';
import { roomOf } from './chat.ts';

/** The rooms of somebody's chats: where their connections are from the start. */
@Injectable()
export class ChatRooms {
  constructor(private readonly chats: ChatRepository) {}

  async of({ realm, userId }: Principal): Promise<string[]> {
    if (realm.kind !== 'tenant') return [];
    const ids = await this.chats.idsOf({ tenantId: realm.tenantId, userId });
    return ids.map(roomOf);
  }
}
