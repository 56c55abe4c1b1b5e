import { ArrowDown } from 'lucide-react';
import {
  type ReactNode,
  type RefObject,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { Button } from '../ui/button.tsx';

/** Closer to the end than this counts as being there. */
const NEAR_PX = 48;

interface ScrollerProps {
  /** What is at the top. */
  oldest: string | undefined;
  /** What is at the end. */
  newest: string;
  /** The user has said it just now, and wants to see it. */
  isOwn: boolean;
  children: ReactNode;
}

/** Follows what is new while its end is in sight, and stays where it is when older things come. */
export function Scroller({ oldest, newest, isOwn, children }: ScrollerProps) {
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const [hasNews, setHasNews] = useState(false);
  useKeptPlace(box, oldest);
  useKeptEnd(box, isAtEnd);

  const lastNewest = useRef('');
  useLayoutEffect(() => {
    if (lastNewest.current === newest) return;
    lastNewest.current = newest;
    if (isAtEnd.current || isOwn) scrollToEnd(box.current);
    else setHasNews(true);
  }, [newest, isOwn]);

  const onScroll = () => {
    isAtEnd.current = distanceToEnd(box.current) < NEAR_PX;
    if (isAtEnd.current) setHasNews(false);
  };
  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      <div
        ref={box}
        onScroll={onScroll}
        tabIndex={0}
        role="group"
        aria-label="Conversation"
        className="min-h-0 flex-1 overflow-y-auto overscroll-contain px-4 py-3 -outline-offset-2 [overflow-anchor:none] sm:px-5"
      >
        {children}
      </div>
      {hasNews ? (
        <Button
          size="small"
          className="absolute bottom-3 left-1/2 -translate-x-1/2 animate-appear rounded-full shadow-overlay"
          onClick={() => scrollToEnd(box.current)}
        >
          <ArrowDown aria-hidden="true" />
          New messages
        </Button>
      ) : null}
    </div>
  );
}

type BoxRef = RefObject<HTMLDivElement | null>;

/** What is in sight stays where it is when something is put above it. */
function useKeptPlace(box: BoxRef, oldest: string | undefined): void {
  const last = useRef({ oldest, height: 0 });
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const { height } = last.current;
    const hasOlder = last.current.oldest !== undefined && last.current.oldest !== oldest;
    if (hasOlder) element.scrollBy(0, element.scrollHeight - height);
    last.current = { oldest, height: element.scrollHeight };
  });
}

/** The end stays in sight when the box gets smaller, as under a growing draft. */
function useKeptEnd(box: BoxRef, isAtEnd: RefObject<boolean>): void {
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => {
      if (isAtEnd.current) scrollToEnd(element);
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [box, isAtEnd]);
}

function distanceToEnd(box: HTMLElement | null): number {
  return box ? box.scrollHeight - box.scrollTop - box.clientHeight : 0;
}

function scrollToEnd(box: HTMLElement | null): void {
  box?.scrollTo(0, box.scrollHeight);
}
