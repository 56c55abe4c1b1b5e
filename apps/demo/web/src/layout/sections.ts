import {
  Building2,
  ListChecks,
  type LucideIcon,
  MessagesSquare,
  Package,
  ScrollText,
  Users,
} from 'lucide-react';
import type { AuthUser } from '@/context/AuthContext';

/** A part of the app: what the navigation leads to. */
export interface Section {
  readonly path: `/${string}`;
  readonly name: string;
  readonly icon: LucideIcon;
}

/** Both sides of the wall have operations, each its own. */
const OPERATIONS: Section = { path: '/operations', name: 'Operations', icon: ListChecks };

const COMPANY: readonly Section[] = [
  { path: '/users', name: 'Users', icon: Users },
  { path: '/chat', name: 'Chat', icon: MessagesSquare },
  { path: '/products', name: 'Products', icon: Package },
  OPERATIONS,
];

const PLATFORM: readonly Section[] = [
  { path: '/platform', name: 'Tenants', icon: Building2 },
  OPERATIONS,
  { path: '/audit', name: 'Audit trail', icon: ScrollText },
];

/** What a user can go to: a company's sections, or the platform's. */
export function sectionsOf({ tenantId }: AuthUser): readonly Section[] {
  return tenantId === null ? PLATFORM : COMPANY;
}

/** Where in the app an address leads. */
export interface Place {
  readonly section: Section;
  /** What of the section is shown: a chat's id, a product's id. */
  readonly id: string | null;
}

/** The place of a path; `null` when there is none. */
export function placeAt(path: string, user: AuthUser): Place | null {
  const [, name = '', id = '', ...rest] = path.split('/');
  const own = sectionsOf(user);
  const home = own[0];
  if (!home || rest.length > 0) return null;
  const section = own.find((one) => one.path === `/${name}`);
  if (section) return { section, id: id === '' ? null : decode(id) };
  // home too from an address of the other side of the wall: somebody else has logged in since
  const isOthers = [...COMPANY, ...PLATFORM].some((one) => one.path === `/${name}`);
  return name === '' || isOthers ? { section: home, id: null } : null;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
