import { Injectable } from '@nestjs/common';
import { type RoomParams, RoomPolicy } from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { ChatRepository } from './chat.repository.ts';

/** Into a chat's room come its members. Typing is of the moment: nobody gets it afterwards. */
@Injectable()
@RoomPolicy('chat:*', {
  presence: true,
  joinLeave: true,
  publish: 'none',
  volatile: ['chat:typing'],
})
export class ChatRoomPolicy {
  constructor(private readonly chats: ChatRepository) {}

  async canJoin({ realm, userId }: Principal, { id }: RoomParams): Promise<boolean> {
    if (realm.kind !== 'tenant') return false;
    return await this.chats.isMember(id, { tenantId: realm.tenantId, userId });
  }
}
