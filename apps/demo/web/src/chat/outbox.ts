import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useMemo, useRef, useState } from 'react';
import { errorMessage, json, request } from '@/api';
import { randomId } from '../random-id.ts';
import { useIsHere } from '../ui/use-is-here.ts';
import type { ChatMessage } from './history.ts';
import { addMessage } from './messages.ts';

/** What the user has said and the server has not confirmed. */
export interface OutgoingMessage {
  /** Sent along, so that the server keeps it once however often it is tried. */
  clientMessageId: string;
  chatId: string;
  text: string;
  /** Why it could not be sent; `null` while it is on its way. */
  problem: string | null;
}

/** The messages of all chats that are on their way, or did not get there. */
export interface Outbox {
  readonly outgoing: readonly OutgoingMessage[];
  readonly send: (chatId: string, text: string) => void;
  /** Tries a failed one again. */
  readonly retry: (clientMessageId: string) => void;
  /** Gives failed ones up, or takes off those that have arrived. */
  readonly remove: (clientMessageIds: readonly string[]) => void;
}

const LIMIT_MS = 15_000;

/** Sends messages: those of one chat after one another, so that they stay in order. */
export function useOutbox(): Outbox {
  const queries = useQueryClient();
  const [outgoing, setOutgoing] = useState<readonly OutgoingMessage[]>([]);
  const lines = useRef(new Map<string, Promise<void>>());
  const isHere = useIsHere();

  const remove = useCallback((ids: readonly string[]) => {
    setOutgoing((all) => all.filter(({ clientMessageId }) => !ids.includes(clientMessageId)));
  }, []);

  const transmit = useCallback(
    async ({ chatId, clientMessageId, text }: OutgoingMessage) => {
      // by now it would go out in another tenant, which has a chat of that id too, or as somebody else
      if (!isHere.current) return;
      try {
        const message = await request<ChatMessage>(
          `/api/chat/${encodeURIComponent(chatId)}/messages`,
          {
            ...json('POST', { text, clientMessageId }),
            signal: AbortSignal.timeout(LIMIT_MS),
          },
        );
        addMessage(queries, message);
        remove([clientMessageId]);
      } catch (error) {
        const problem = problemOf(error);
        setOutgoing((all) =>
          all.map((one) => (one.clientMessageId === clientMessageId ? { ...one, problem } : one)),
        );
      }
    },
    [queries, remove, isHere],
  );

  const enqueue = useCallback(
    (message: OutgoingMessage) => {
      const before = lines.current.get(message.chatId) ?? Promise.resolve();
      lines.current.set(
        message.chatId,
        before.then(() => transmit(message)),
      );
    },
    [transmit],
  );

  return useMemo(
    () => ({
      outgoing,
      remove,
      send: (chatId, text) => {
        const message = { clientMessageId: randomId(), chatId, text, problem: null };
        setOutgoing((all) => [...all, message]);
        enqueue(message);
      },
      retry: (clientMessageId) => {
        const failed = outgoing.find((one) => one.clientMessageId === clientMessageId);
        if (!failed || failed.problem === null) return;
        const message = { ...failed, problem: null };
        setOutgoing((all) => all.map((one) => (one === failed ? message : one)));
        enqueue(message);
      },
    }),
    [outgoing, remove, enqueue],
  );
}

function problemOf(error: unknown): string {
  const isTimeout = error instanceof DOMException && error.name === 'TimeoutError';
  return isTimeout ? 'The server did not answer in time.' : errorMessage(error);
}
