import type { AuthUser } from '@/context/AuthContext';
import { useUnreadTotal } from '../chat/chat-desk.tsx';
import { Link, usePath } from '../router.tsx';
import { classNames } from '../ui/class-names.ts';
import { placeAt, type Section, sectionsOf } from './sections.ts';

interface NavigationProps {
  user: AuthUser;
  className?: string;
}

/** The ways to the app's sections. */
export function Navigation({ user, className }: NavigationProps) {
  const here = placeAt(usePath(), user)?.section;
  const unread = useUnreadTotal();
  return (
    <nav aria-label="Sections" className={className}>
      <ul className="flex gap-1">
        {sectionsOf(user).map((section) => (
          <li key={section.path} className="max-sm:flex-1">
            <SectionLink
              section={section}
              isHere={section === here}
              unread={section.path === '/chat' ? unread : 0}
            />
          </li>
        ))}
      </ul>
    </nav>
  );
}

interface SectionLinkProps {
  section: Section;
  isHere: boolean;
  unread: number;
}

function SectionLink({ section: { path, name, icon: Icon }, isHere, unread }: SectionLinkProps) {
  return (
    <Link
      href={path}
      aria-current={isHere ? 'page' : undefined}
      className={classNames(
        'flex h-9 items-center justify-center gap-2 rounded-lg px-2 text-sm sm:px-3 font-medium transition-colors',
        isHere ? 'bg-raised text-ink' : 'text-muted hover:bg-raised/70 hover:text-ink',
      )}
    >
      <Icon
        className={classNames('size-4 max-sm:hidden', isHere && 'text-accent')}
        aria-hidden="true"
      />
      {name}
      {unread === 0 ? null : (
        <span className="-mr-1 size-2 rounded-full bg-accent">
          <span className="sr-only">, {unread} unread</span>
        </span>
      )}
    </Link>
  );
}
