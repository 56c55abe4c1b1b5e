import { CircleAlert } from 'lucide-react';
import { Avatar } from '../ui/avatar.tsx';
import { classNames } from '../ui/class-names.ts';
import { formatClock, formatMoment, nameOfDay } from '../ui/times.ts';
import type { ChatMessage } from './history.ts';
import type { OutgoingMessage } from './outbox.ts';

/** What the same person says within so long belongs together. */
const TOGETHER_MS = 5 * 60 * 1000;

interface MessageListProps {
  userId: string;
  messages: readonly ChatMessage[];
  outgoing: readonly OutgoingMessage[];
  onRetry: (clientMessageId: string) => void;
  onDiscard: (clientMessageId: string) => void;
}

/** What was said, day by day, and what is still on its way. */
export function MessageList(props: MessageListProps) {
  const { userId, messages, outgoing, onRetry, onDiscard } = props;
  return (
    <ol aria-label="Messages" className="flex flex-col">
      {messages.map((message, index) => {
        const before = messages[index - 1];
        const isNewDay = before === undefined || !isSameDay(before, message);
        return (
          <li key={message.id}>
            {isNewDay ? <DayLine at={message.sentAt} /> : null}
            <Said
              message={message}
              isOwn={message.userId === userId}
              isContinued={!isNewDay && isTogether(before, message)}
            />
          </li>
        );
      })}
      {outgoing.map((message) => (
        <li key={message.clientMessageId}>
          <Unsaid
            message={message}
            onRetry={() => onRetry(message.clientMessageId)}
            onDiscard={() => onDiscard(message.clientMessageId)}
          />
        </li>
      ))}
    </ol>
  );
}

function DayLine({ at }: { at: string }) {
  return (
    <div className="flex items-center gap-3 py-3 text-xs font-medium text-muted">
      <span aria-hidden="true" className="h-px flex-1 bg-line" />
      {nameOfDay(at)}
      <span aria-hidden="true" className="h-px flex-1 bg-line" />
    </div>
  );
}

const BUBBLE = 'w-fit max-w-full rounded-2xl px-3 py-1.5 text-sm whitespace-pre-wrap wrap-anywhere';

interface SaidProps {
  message: ChatMessage;
  isOwn: boolean;
  /** The one before is by the same person. */
  isContinued: boolean;
}

function Said({ message, isOwn, isContinued }: SaidProps) {
  const { userName, text, sentAt } = message;
  if (isOwn) {
    return (
      <div className={classNames('flex flex-col items-end pl-12', isContinued ? 'pt-0.5' : 'pt-3')}>
        {/* whose it is can be seen */}
        <span className="sr-only">You, {formatClock(sentAt)}:</span>
        <p
          title={formatMoment(sentAt)}
          className={classNames(BUBBLE, 'rounded-br-md bg-accent text-surface')}
        >
          {text}
        </p>
      </div>
    );
  }
  return (
    <div className={classNames('flex gap-2.5 pr-8', isContinued ? 'pt-0.5' : 'pt-3')}>
      <div className="w-7 shrink-0">{isContinued ? null : <Avatar name={userName} />}</div>
      <div className="min-w-0">
        <p
          className={classNames(
            'mb-1 flex items-baseline gap-2 text-[0.8125rem]',
            isContinued && 'sr-only',
          )}
        >
          <span className="truncate font-medium">{userName}</span>
          <time dateTime={sentAt} className="text-xs text-muted tabular-nums">
            {formatClock(sentAt)}
          </time>
        </p>
        <p title={formatMoment(sentAt)} className={classNames(BUBBLE, 'rounded-bl-md bg-raised')}>
          {text}
        </p>
      </div>
    </div>
  );
}

interface UnsaidProps {
  message: OutgoingMessage;
  onRetry: () => void;
  onDiscard: () => void;
}

const LINK = 'font-medium text-ink underline underline-offset-2';

function Unsaid({ message: { text, problem }, onRetry, onDiscard }: UnsaidProps) {
  return (
    <div className="flex flex-col items-end pt-0.5 pl-12">
      <p
        className={classNames(
          BUBBLE,
          'rounded-br-md',
          problem === null
            ? 'bg-accent text-surface opacity-60'
            : 'border border-danger/40 bg-danger-soft text-ink',
        )}
      >
        {text}
      </p>
      {problem === null ? (
        <span className="mt-0.5 text-xs text-muted">Sending…</span>
      ) : (
        <p role="alert" className="mt-1 flex flex-wrap items-center justify-end gap-x-2 text-xs">
          <span className="inline-flex items-center gap-1 text-danger">
            <CircleAlert className="size-3.5 shrink-0" aria-hidden="true" />
            Not sent. {problem}
          </span>
          <button type="button" onClick={onRetry} className={LINK}>
            Try again
          </button>
          <button type="button" onClick={onDiscard} className={LINK}>
            Discard
          </button>
        </p>
      )}
    </div>
  );
}

function isSameDay(a: ChatMessage, b: ChatMessage): boolean {
  return new Date(a.sentAt).toDateString() === new Date(b.sentAt).toDateString();
}

function isTogether(before: ChatMessage, after: ChatMessage): boolean {
  const passedMs = Date.parse(after.sentAt) - Date.parse(before.sentAt);
  return before.userId === after.userId && passedMs < TOGETHER_MS;
}
