/** Somebody who can sign in to the tenant. */
export interface Person {
  id: string;
  name: string;
}

/** A chat, as its members see it. */
export interface Chat {
  id: string;
  name: string;
  /** By name. */
  members: Person[];
  /** ISO 8601. */
  createdAt: string;
}

export interface ChatMessage {
  id: string;
  chatId: string;
  /** 1, 2, 3, … in its chat, without holes. */
  seq: number;
  userId: string;
  /** The sender's name at that time. */
  userName: string;
  text: string;
  /** What the sender's page calls it. */
  clientMessageId: string | null;
  /** ISO 8601. */
  sentAt: string;
}

/** Answer of `GET /api/chat/:chatId/messages`. */
export interface MessagePage {
  /** Oldest first. */
  messages: ChatMessage[];
  /** Are there older ones? */
  hasMore: boolean;
}

/** As whom a chat is looked at: every statement about chats names the tenant and the person. */
export interface Participant {
  readonly tenantId: string;
  readonly userId: string;
}

/** The room of a chat. */
export function roomOf(chatId: string): string {
  return `chat:${chatId}`;
}
