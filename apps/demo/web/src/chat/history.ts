/** What somebody has said in a chat, as the server keeps it. */
export interface ChatMessage {
  id: string;
  chatId: string;
  /** 1, 2, 3 … in its chat. */
  seq: number;
  userId: string;
  userName: string;
  text: string;
  /** What the sender's page called it before it had an id. */
  clientMessageId: string | null;
  /** ISO 8601. */
  sentAt: string;
}

/** A page of messages, by `seq`. */
export interface MessagesAnswer {
  messages: ChatMessage[];
  /** Are there older ones? */
  hasMore: boolean;
}

/** What is known of a chat: messages without a hole, by `seq`, up to the newest one. */
export interface ChatHistory extends MessagesAnswer {
  /** Has a page of it been loaded? Until then, these are only the messages that came live. */
  isLoaded: boolean;
}

/** Before anything is known. */
export const NOTHING: ChatHistory = { messages: [], hasMore: false, isLoaded: false };

/** A history and one message more: live, or the answer to one's own. */
export function withMessage(history: ChatHistory | undefined, message: ChatMessage): ChatHistory {
  const known = history ?? NOTHING;
  const oldest = known.messages[0];
  // it is on a page that has not been loaded
  if (known.isLoaded && known.hasMore && oldest && message.seq < oldest.seq) return known;
  return { ...known, messages: union(known.messages, [message]) };
}

/**
 * A history and the newest page. What came live while the page was on its way stays; what is older
 * than the page stays only if nothing is missing in between.
 */
export function withNewestPage(
  history: ChatHistory | undefined,
  page: MessagesAnswer,
): ChatHistory {
  const known = history ?? NOTHING;
  const [first] = page.messages;
  if (!first) return { ...known, hasMore: page.hasMore, isLoaded: true };
  const all = union(known.messages, page.messages);
  const messages = all.slice(startOfRun(all, first.seq));
  const isPageOldest = messages[0]?.id === first.id;
  const cutsOff = messages.length < all.length;
  const hasMore = cutsOff || (isPageOldest || !known.isLoaded ? page.hasMore : known.hasMore);
  return { messages, hasMore, isLoaded: true };
}

/** A history and the page before its oldest message; unchanged if that is not its oldest any more. */
export function withOlderPage(
  history: ChatHistory | undefined,
  page: MessagesAnswer,
  before: number,
): ChatHistory | undefined {
  if (history?.messages[0]?.seq !== before) return history;
  return { ...history, messages: union(history.messages, page.messages), hasMore: page.hasMore };
}

/** Is a message missing between two that are there? It may still be on its way. */
export function hasHole({ messages, isLoaded }: ChatHistory): boolean {
  const [oldest] = messages;
  const newest = messages.at(-1);
  if (!isLoaded || !oldest || !newest) return false;
  return newest.seq - oldest.seq + 1 > messages.length;
}

/** Both lists by `seq`, each message once, as the second list has it. */
function union(known: ChatMessage[], more: ChatMessage[]): ChatMessage[] {
  const byId = new Map([...known, ...more].map((message) => [message.id, message]));
  return [...byId.values()].toSorted((a, b) => a.seq - b.seq);
}

/** Where the messages begin that lead up to this `seq` without a hole. */
function startOfRun(messages: ChatMessage[], seq: number): number {
  let start = messages.findIndex((message) => message.seq === seq);
  while (start > 0 && messages[start - 1]?.seq === (messages[start]?.seq ?? 0) - 1) start -= 1;
  return start;
}
