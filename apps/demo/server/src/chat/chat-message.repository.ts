import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { and, desc, eq, lt, type SQL } from 'drizzle-orm';
import { Database, type Queries } from '@/infrastructure/database/database';
import { chatMessages, chats, users } from '@/infrastructure/database/schema';
import { ChatRepository, lockChat } from './chat.repository.ts';
import type { ChatMessage, MessagePage, Participant } from './chat.ts';
import type { MessagesQuery, NewMessage } from './chat-input.ts';

type Row = typeof chatMessages.$inferSelect;

/** What was said in the chats. */
@Injectable()
export class ChatMessageRepository {
  constructor(
    private readonly database: Database,
    private readonly chatRepository: ChatRepository,
  ) {}

  /** The newest messages, or those before one of them. Throws a 404 unless I am in the chat. */
  async page(
    chatId: string,
    { before, limit }: MessagesQuery,
    me: Participant,
  ): Promise<MessagePage> {
    await this.chatRepository.requireMember(chatId, me);
    const isOlder = before === undefined ? undefined : lt(chatMessages.seq, before);
    const rows = await this.database.queries
      .select()
      .from(chatMessages)
      .where(and(isIn(chatId, me), isOlder))
      .orderBy(desc(chatMessages.seq))
      .limit(limit + 1);
    const messages = rows.slice(0, limit).map(toMessage).toReversed();
    return { messages, hasMore: rows.length > limit };
  }

  /**
   * Keeps a message under the chat's next `seq`; one that its page has sent before, under the same
   * `clientMessageId`, stays the one it was. Throws a 404 unless I am in the chat.
   */
  async add(chatId: string, message: NewMessage, me: Participant): Promise<ChatMessage> {
    return await this.database.queries.transaction(async (transaction) => {
      const { lastSeq } = await lockChat(transaction, chatId, me);
      const sent = await findSent(transaction, chatId, message, me);
      if (sent) return toMessage(sent);
      const [sender] = await transaction
        .select({ name: users.name })
        .from(users)
        .where(eq(users.id, me.userId));
      const seq = lastSeq + 1;
      await transaction
        .update(chats)
        .set({ lastSeq: seq })
        .where(and(eq(chats.tenantId, me.tenantId), eq(chats.id, chatId)));
      const row = { ...message, ...me, chatId, id: randomUUID(), seq };
      const [added] = await transaction
        .insert(chatMessages)
        .values({ ...row, userName: sender?.name ?? me.userId })
        .returning();
      return toMessage(added as Row);
    });
  }
}

async function findSent(
  queries: Queries,
  chatId: string,
  { clientMessageId }: NewMessage,
  me: Participant,
): Promise<Row | undefined> {
  if (clientMessageId === undefined) return undefined;
  const isFromMe = eq(chatMessages.userId, me.userId);
  const isSame = eq(chatMessages.clientMessageId, clientMessageId);
  const [row] = await queries
    .select()
    .from(chatMessages)
    .where(and(isIn(chatId, me), isFromMe, isSame));
  return row;
}

function isIn(chatId: string, { tenantId }: Participant): SQL | undefined {
  return and(eq(chatMessages.tenantId, tenantId), eq(chatMessages.chatId, chatId));
}

function toMessage(row: Row): ChatMessage {
  const { id, chatId, seq, userId, userName, text, clientMessageId, sentAt } = row;
  return {
    id,
    chatId,
    seq,
    userId,
    userName,
    text,
    clientMessageId,
    sentAt: sentAt.toISOString(),
  };
}
