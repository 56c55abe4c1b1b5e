import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { ApiError, errorMessage, isSignedOut, json, post, requestIn } from '@/api';
import { readTenantChoice, writeTenantChoice } from './tenant-choice.ts';

/** A tenant that a user belongs to. */
interface Membership {
  id: string;
  name: string;
  role: 'admin' | 'member' | 'viewer';
}

/** The signed-in user, in the tenant that this tab works in. */
export interface AuthUser {
  id: string;
  email: string;
  name: string;
  role: Membership['role'];
  /** `null` for the platform's staff. */
  tenantId: string | null;
  /** All that this tab could work in. */
  tenants: readonly Membership[];
  /** Platform staff, while they look at a tenant as its own people do. */
  actingAs?: SupportView;
}

/** Who of the platform looks at a tenant, why, and until when. */
export interface SupportView {
  userId: string;
  reason: string;
  /** ISO 8601. */
  expiresAt: string;
}

/** Who is signed in, and how that changes. */
export interface Auth {
  user: AuthUser | null;
  /** The server has not said yet who this is. */
  isLoading: boolean;
  /** Why the server could not say it. */
  error: string | null;
  /** Signed out by the server, not by the user. */
  hasExpired: boolean;
  /** The user as they were in a tenant that has been taken from them; `null` once they move on. */
  lost: AuthUser | null;
  /** Rejects with an `ApiError` when the server does not accept the password. */
  login: (email: string, password: string) => Promise<void>;
  logout: () => Promise<void>;
  /** Asks the server again who this is. */
  refresh: () => Promise<void>;
  /** From here on, this tab works in another of the user's tenants. */
  switchTenant: (tenantId: string) => void;
  /** Platform staff: looks at a tenant from here on. Rejects with an `ApiError`. */
  openSupportView: (tenantId: string, reason: string) => Promise<void>;
  /** Back to the platform, at once. Rejects when the server has not heard of it. */
  leaveSupportView: () => Promise<void>;
}

interface SignedIn {
  user: AuthUser;
}

type AuthState = Pick<Auth, 'user' | 'isLoading' | 'error' | 'hasExpired' | 'lost'>;
type Change = (current: AuthState) => AuthState;

const LOADING: AuthState = {
  user: null,
  isLoading: true,
  error: null,
  hasExpired: false,
  lost: null,
};
const NOBODY: AuthState = { ...LOADING, isLoading: false };

const AuthContext = createContext<Auth | null>(null);

/** Knows who is signed in. All tabs of a browser share a cookie, so they change together. */
export function AuthProvider({ children }: { children: ReactNode }) {
  const { state, set, ask } = useAuthState();
  const tellOtherTabs = useOtherTabs(ask);

  useEffect(() => {
    void ask();
  }, [ask]);

  const auth = useMemo<Auth>(
    () => ({
      ...state,
      refresh: ask,
      login: async (email, password) => {
        const answer = await requestIn<SignedIn>(
          null,
          '/api/auth/login',
          json('POST', { email, password }),
        );
        writeTenantChoice(null);
        set({ ...NOBODY, user: answer.user });
        tellOtherTabs();
      },
      logout: async () => {
        await endSession();
        writeTenantChoice(null);
        set(NOBODY);
        tellOtherTabs();
      },
      switchTenant: (tenantId) => {
        if (!state.user || tenantId === state.user.tenantId) return;
        writeTenantChoice(tenantId);
        set({ ...NOBODY, user: inTenant(state.user, tenantId) });
        void ask();
      },
      openSupportView: async (tenantId, reason) => {
        await post('/api/platform/support-views', { tenantId, reason });
        writeTenantChoice(tenantId);
        await ask();
      },
      leaveSupportView: async () => {
        const tenantId = state.user?.tenantId ?? '';
        writeTenantChoice(null);
        set(LOADING);
        try {
          await requestIn(null, `/api/platform/support-views/${tenantId}`, { method: 'DELETE' });
        } finally {
          await ask();
        }
      },
    }),
    [state, set, ask, tellOtherTabs],
  );
  return <AuthContext.Provider value={auth}>{children}</AuthContext.Provider>;
}

/** Who is signed in. */
export function useAuth(): Auth {
  const auth = useContext(AuthContext);
  if (!auth) throw new Error('useAuth needs an <AuthProvider> above it');
  return auth;
}

function useAuthState() {
  const [state, setState] = useState(LOADING);

  // a late answer must not overrule what has been learnt since it was asked for
  const newest = useRef(0);

  const set = useCallback((next: AuthState) => {
    newest.current += 1;
    setState(next);
  }, []);

  const ask = useCallback(async () => {
    newest.current += 1;
    const own = newest.current;
    const change = await askWhoThisIs();
    if (own === newest.current) setState(change);
  }, []);

  return { state, set, ask };
}

async function askWhoThisIs(): Promise<Change> {
  const tenantId = readTenantChoice();
  try {
    const { user } = await requestIn<SignedIn>(tenantId, '/api/auth/me');
    return ({ user: before }) => ({ ...NOBODY, user, lost: hasLost(before, user) ? before : null });
  } catch (error) {
    if (!isSignedOut(error)) {
      // an outage logs nobody out
      return (current) => (current.user ? current : { ...NOBODY, error: errorMessage(error) });
    }
    if (tenantId === null) {
      // several things find it out at a time
      return ({ user, hasExpired }) => ({ ...NOBODY, hasExpired: hasExpired || user !== null });
    }
    // maybe it is only this tenant that is closed to them by now
    if (tenantId === readTenantChoice()) writeTenantChoice(null);
    return askWhoThisIs();
  }
}

/** Is it the same person, no longer where they were? */
function hasLost(before: AuthUser | null, now: AuthUser): boolean {
  if (!before || before.tenantId === null || before.tenantId === now.tenantId) return false;
  return (before.actingAs?.userId ?? before.id) === now.id;
}

function inTenant(user: AuthUser, tenantId: string): AuthUser {
  const role = user.tenants.find(({ id }) => id === tenantId)?.role ?? user.role;
  return { ...user, tenantId, role };
}

async function endSession(): Promise<void> {
  try {
    await post('/api/auth/logout');
  } catch (error) {
    if (!(error instanceof ApiError) || !isSignedOut(error)) throw error;
  }
}

const CHANNEL = 'demo-auth';

function useOtherTabs(onChange: () => Promise<void>): () => void {
  const channel = useRef<BroadcastChannel | null>(null);
  useEffect(() => {
    const opened = new BroadcastChannel(CHANNEL);
    opened.addEventListener('message', () => void onChange());
    channel.current = opened;
    return () => {
      opened.close();
      channel.current = null;
    };
  }, [onChange]);
  return useCallback(() => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is no window
    channel.current?.postMessage('changed');
  }, []);
}
