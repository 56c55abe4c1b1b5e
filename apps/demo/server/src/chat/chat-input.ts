import { z } from 'zod';
import { Id, typed } from '../input.ts';

/** Body of `POST /api/chats`. Its maker is a member without being named. */
export const NewChat = z.object({ name: typed(80), memberIds: z.array(Id).max(100).default([]) });
export type NewChat = z.infer<typeof NewChat>;

/** Body of `POST /api/chats/:chatId/members`. */
export const NewMember = z.object({ userId: Id });
export type NewMember = z.infer<typeof NewMember>;

/** Body of `POST /api/chat/:chatId/messages`. */
export const NewMessage = z.object({ text: typed(2000), clientMessageId: Id.optional() });
export type NewMessage = z.infer<typeof NewMessage>;

/** Query of `GET /api/chat/:chatId/messages`: so many of the newest, or of those before a `seq`. */
export const MessagesQuery = z.object({
  before: z.coerce.number().int().min(1).max(2_147_483_647).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(50),
});
export type MessagesQuery = z.infer<typeof MessagesQuery>;

/** Data of the call `chat:typing`. */
export const Typing = z.object({ chatId: Id, isTyping: z.boolean() });
export type Typing = z.infer<typeof Typing>;
