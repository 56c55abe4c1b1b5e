import { Compass } from 'lucide-react';
import { type ReactElement, useEffect, useRef } from 'react';
import type { AuthUser } from '@/context/AuthContext';
import { ChatPage } from '../chat/chat-page.tsx';
import { OperationsPage } from '../operations/operations-page.tsx';
import { AuditPage } from '../platform/audit-page.tsx';
import { PlatformPage } from '../platform/platform-page.tsx';
import { ProductPage } from '../products/product-page.tsx';
import { ProductsPage } from '../products/products-page.tsx';
import { Link, usePath } from '../router.tsx';
import { Empty } from '../ui/empty.tsx';
import { Main } from '../ui/page.tsx';
import { UsersPage } from '../users/users-page.tsx';
import { type Place, placeAt } from './sections.ts';

/** The page that belongs to the address in the browser. */
export function Pages({ user }: { user: AuthUser }) {
  const place = placeAt(usePath(), user);
  useFocusOnArrival(place?.section.path ?? '');
  return (place && pageAt(place)) ?? <MissingPage />;
}

function pageAt({ section, id }: Place): ReactElement | null {
  switch (section.path) {
    case '/chat':
      return <ChatPage chatId={id} />;
    case '/products':
      return id === null ? <ProductsPage /> : <ProductPage key={id} productId={id} />;
    case '/users':
      return id === null ? <UsersPage /> : null;
    case '/operations':
      return id === null ? <OperationsPage /> : null;
    case '/platform':
      return id === null ? <PlatformPage /> : null;
    case '/audit':
      return id === null ? <AuditPage /> : null;
    default:
      return null;
  }
}

function MissingPage() {
  return (
    <Main title="Not found">
      <Empty
        icon={Compass}
        title="There is no such page"
        hint="The address may have been mistyped, or what it led to is gone."
        className="py-24"
      >
        <Link href="/" className="text-sm font-medium underline underline-offset-3">
          To the start
        </Link>
      </Empty>
    </Main>
  );
}

/** Keyboards and screen readers go on in the new page, not in the navigation that led there. */
function useFocusOnArrival(section: string): void {
  const last = useRef(section);
  useEffect(() => {
    if (last.current === section) return;
    last.current = section;
    document.querySelector<HTMLElement>('#main')?.focus({ preventScroll: true });
  }, [section]);
}
