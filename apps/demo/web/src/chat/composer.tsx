import { SendHorizontal } from 'lucide-react';
import { type KeyboardEvent, type RefObject, useEffect, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { classNames } from '../ui/class-names.ts';
import { useChatDesk } from './chat-desk.tsx';
import type { Chat } from './chats.ts';

const MAX_LENGTH = 2000;
const COUNT_FROM = 1800;

interface ComposerProps {
  chat: Chat;
  onSend: (text: string) => void;
  /** The user types, or has stopped. */
  onTyping: (isTyping: boolean) => void;
  field: RefObject<HTMLTextAreaElement | null>;
}

/** Where a message is written. What is not sent is still there when the user comes back. */
export function Composer({ chat, onSend, onTyping, field }: ComposerProps) {
  const { drafts } = useChatDesk();
  const [text, setText] = useState(() => drafts.get(chat.id) ?? '');
  const message = text.trim();

  useEffect(() => {
    if (text === '') drafts.delete(chat.id);
    else drafts.set(chat.id, text);
  }, [drafts, chat.id, text]);

  const change = (value: string) => {
    setText(value);
    onTyping(value.trim() !== '');
  };
  const send = () => {
    if (message === '') return;
    onTyping(false);
    onSend(message);
    setText('');
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // Enter ends a word in some scripts, and on a phone there is no Shift to hold with it
    const isEnter = event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing;
    if (!isEnter || matchMedia('(pointer: coarse)').matches) return;
    event.preventDefault();
    send();
  };

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      className="flex items-end gap-2 px-3 pb-3 sm:px-4 sm:pb-4"
    >
      <div className="relative min-w-0 flex-1">
        <textarea
          ref={field}
          rows={1}
          aria-label={`Message to ${chat.name}`}
          placeholder="Write a message"
          maxLength={MAX_LENGTH}
          value={text}
          onChange={(event) => change(event.target.value)}
          onKeyDown={onKeyDown}
          onBlur={() => onTyping(false)}
          className={classNames(
            'block max-h-40 min-h-10 w-full resize-none rounded-xl border border-line-strong bg-surface px-3.5 py-2 text-base transition-colors [field-sizing:content] placeholder:text-muted hover:border-muted/60 sm:text-sm',
            text.length > COUNT_FROM && 'pb-6',
          )}
        />
        {text.length > COUNT_FROM ? (
          <span className="absolute right-3 bottom-1 text-xs text-muted tabular-nums">
            {MAX_LENGTH - text.length} left
          </span>
        ) : null}
      </div>
      <Button
        type="submit"
        variant="primary"
        aria-label="Send"
        disabled={message === ''}
        className="size-10 rounded-xl px-0"
      >
        <SendHorizontal aria-hidden="true" />
      </Button>
    </form>
  );
}
