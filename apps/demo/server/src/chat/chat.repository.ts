import { randomUUID } from 'node:crypto';
import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { and, asc, count, eq, gt, inArray, ne, type SQL, sql } from 'drizzle-orm';
import { Database, type Queries } from '@/infrastructure/database/database';
import { chatMembers, chats, memberships, users } from '@/infrastructure/database/schema';
import type { Chat, Participant, Person } from './chat.ts';

/** As many rooms as one connection can well follow. */
const MAX_CHATS_PER_PERSON = 100;

const members = sql<Person[] | null>`(
  select json_agg(json_build_object('id', u.id, 'name', u.name) order by u.name, u.id)
  from chat_members m join users u on u.id = m.user_id
  where m.tenant_id = chats.tenant_id and m.chat_id = chats.id)`;

/** The chats and who is in them. A chat that somebody is not in does not exist for them: 404. */
@Injectable()
export class ChatRepository {
  constructor(private readonly database: Database) {}

  async list(me: Participant): Promise<Chat[]> {
    const mine = inArray(chats.id, this.#idsOf(me));
    return await chatsWhere(this.database.queries, and(eq(chats.tenantId, me.tenantId), mine));
  }

  async idsOf(me: Participant): Promise<string[]> {
    return (await this.#idsOf(me)).map(({ id }) => id);
  }

  async isMember(chatId: string, me: Participant): Promise<boolean> {
    const isIt = isMembership(chatId, me);
    return (await this.database.queries.$count(chatMembers, isIt)) > 0;
  }

  /** Throws a 404 unless this person is in the chat. */
  async requireMember(chatId: string, me: Participant): Promise<void> {
    if (!(await this.isMember(chatId, me))) throw noSuchChat();
  }

  /** Who is in a chat of this tenant now, by name; nobody if it is gone. */
  async membersOf(chatId: string, { tenantId }: Pick<Participant, 'tenantId'>): Promise<Person[]> {
    const [chat] = await chatsWhere(this.database.queries, isChat(chatId, { tenantId }));
    return chat?.members ?? [];
  }

  /** The people who can be added to a chat: everyone else who can sign in to the tenant. */
  async colleagues({ tenantId, userId }: Participant): Promise<Person[]> {
    return await this.database.queries
      .select({ id: users.id, name: users.name })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .where(and(eq(memberships.tenantId, tenantId), ne(memberships.userId, userId)))
      .orderBy(asc(users.name), asc(users.id));
  }

  /** Makes a chat of its maker and these people. Throws a 404 when one of them is no colleague. */
  async create(name: string, memberIds: readonly string[], me: Participant): Promise<Chat> {
    const id = randomUUID();
    return await this.database.queries.transaction(async (transaction) => {
      await transaction.insert(chats).values({ tenantId: me.tenantId, id, name });
      await addMembers(transaction, id, [me.userId, ...memberIds], me.tenantId);
      return await chatOf(transaction, id, me);
    });
  }

  /** Adds a colleague; one who is in it already stays so. */
  async addMember(chatId: string, userId: string, me: Participant): Promise<Chat> {
    return await this.database.queries.transaction(async (transaction) => {
      await lockChat(transaction, chatId, me);
      await addMembers(transaction, chatId, [userId], me.tenantId);
      return await chatOf(transaction, chatId, me);
    });
  }

  /** Takes somebody out; the chat ends with its last member. Was there such a member? */
  async removeMember(
    chatId: string,
    userId: string,
    me: Participant,
  ): Promise<{ chat: Chat; wasMember: boolean }> {
    const { tenantId } = me;
    return await this.database.queries.transaction(async (transaction) => {
      await lockChat(transaction, chatId, me);
      const removed = await transaction
        .delete(chatMembers)
        .where(isMembership(chatId, { tenantId, userId }))
        .returning({ userId: chatMembers.userId });
      const chat = await chatOf(transaction, chatId, me);
      if (chat.members.length === 0) await transaction.delete(chats).where(isChat(chatId, me));
      return { chat, wasMember: removed.length > 0 };
    });
  }

  #idsOf({ tenantId, userId }: Participant) {
    return this.database.queries
      .select({ id: chatMembers.chatId })
      .from(chatMembers)
      .where(and(eq(chatMembers.tenantId, tenantId), eq(chatMembers.userId, userId)));
  }
}

/** The chat, unchanged by others until the transaction ends. Throws a 404 unless I am in it. */
export async function lockChat(
  transaction: Queries,
  chatId: string,
  me: Participant,
): Promise<typeof chats.$inferSelect> {
  const [chat] = await transaction.select().from(chats).where(isChat(chatId, me)).for('update');
  // Asked behind the lock: whoever had it before may have taken me out.
  const isMember = (await transaction.$count(chatMembers, isMembership(chatId, me))) > 0;
  if (!chat || !isMember) throw noSuchChat();
  return chat;
}

async function addMembers(
  transaction: Queries,
  chatId: string,
  userIds: readonly string[],
  tenantId: string,
): Promise<void> {
  const wanted = [...new Set(userIds)];
  const here = and(eq(memberships.tenantId, tenantId), inArray(memberships.userId, wanted));
  if ((await transaction.$count(memberships, here)) < wanted.length) {
    throw new NotFoundException('There is no such colleague');
  }
  await transaction
    .insert(chatMembers)
    .values(wanted.map((userId) => ({ tenantId, chatId, userId })))
    .onConflictDoNothing();
  await refuseTooMany(transaction, wanted, tenantId);
}

async function refuseTooMany(
  transaction: Queries,
  userIds: readonly string[],
  tenantId: string,
): Promise<void> {
  const [tooMany] = await transaction
    .select({ name: users.name })
    .from(chatMembers)
    .innerJoin(users, eq(users.id, chatMembers.userId))
    .where(and(eq(chatMembers.tenantId, tenantId), inArray(chatMembers.userId, userIds)))
    .groupBy(users.id, users.name)
    .having(gt(count(), MAX_CHATS_PER_PERSON));
  if (!tooMany) return;
  throw new ConflictException(`${tooMany.name} is in ${MAX_CHATS_PER_PERSON} chats already`);
}

async function chatOf(queries: Queries, chatId: string, me: Participant): Promise<Chat> {
  const [chat] = await chatsWhere(queries, isChat(chatId, me));
  if (!chat) throw noSuchChat();
  return chat;
}

async function chatsWhere(queries: Queries, where: SQL | undefined): Promise<Chat[]> {
  const rows = await queries
    .select({ id: chats.id, name: chats.name, createdAt: chats.createdAt, members })
    .from(chats)
    .where(where)
    .orderBy(asc(chats.createdAt), asc(chats.id));
  return rows.map(({ createdAt, members: people, ...chat }) => ({
    ...chat,
    members: people ?? [],
    createdAt: createdAt.toISOString(),
  }));
}

function isChat(chatId: string, { tenantId }: Pick<Participant, 'tenantId'>): SQL | undefined {
  return and(eq(chats.tenantId, tenantId), eq(chats.id, chatId));
}

function isMembership(chatId: string, { tenantId, userId }: Participant): SQL | undefined {
  return and(
    eq(chatMembers.tenantId, tenantId),
    eq(chatMembers.chatId, chatId),
    eq(chatMembers.userId, userId),
  );
}

function noSuchChat(): NotFoundException {
  return new NotFoundException('There is no such chat');
}
