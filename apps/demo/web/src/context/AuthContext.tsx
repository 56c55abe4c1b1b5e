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
import { ApiError, errorMessage, isSignedOut, post, request } from '@/api';

/** The signed-in user. */
export interface AuthUser {
  id: string;
  email: string;
  name: string;
  role: 'admin' | 'member' | 'viewer';
  /** `null` for the platform's staff. */
  tenantId: string | null;
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
  /** Rejects with an `ApiError` when the server does not accept the password. */
  login: (email: string, password: string) => Promise<void>;
  logout: () => Promise<void>;
  /** Asks the server again who this is. */
  refresh: () => Promise<void>;
}

interface SignedIn {
  user: AuthUser;
}

type AuthState = Pick<Auth, 'user' | 'isLoading' | 'error' | 'hasExpired'>;

const LOADING: AuthState = { user: null, isLoading: true, error: null, hasExpired: false };
const NOBODY: AuthState = { ...LOADING, isLoading: false };

const AuthContext = createContext<Auth | null>(null);

/** Knows who is signed in. All tabs of a browser share a cookie, so they change together. */
export function AuthProvider({ children }: { children: ReactNode }) {
  const [state, setState] = useState(LOADING);

  // a late answer must not overrule what has been learnt since it was asked for
  const newest = useRef(0);

  const refresh = useCallback(async () => {
    newest.current += 1;
    const own = newest.current;
    const answer = await askWhoThisIs();
    if (own === newest.current) setState(answer);
  }, []);

  const tellOtherTabs = useOtherTabs(refresh);

  const login = useCallback(
    async (email: string, password: string) => {
      const { user } = await post<SignedIn>('/api/auth/login', { email, password });
      newest.current += 1;
      setState({ ...NOBODY, user });
      tellOtherTabs();
    },
    [tellOtherTabs],
  );

  const logout = useCallback(async () => {
    try {
      await post('/api/auth/logout');
    } catch (error) {
      if (!(error instanceof ApiError) || !isSignedOut(error)) throw error;
    }
    newest.current += 1;
    setState(NOBODY);
    tellOtherTabs();
  }, [tellOtherTabs]);

  useEffect(() => {
    void refresh();
  }, [refresh]);

  const auth = useMemo(
    () => ({ ...state, login, logout, refresh }),
    [state, login, logout, refresh],
  );
  return <AuthContext.Provider value={auth}>{children}</AuthContext.Provider>;
}

/** Who is signed in. */
export function useAuth(): Auth {
  const auth = useContext(AuthContext);
  if (!auth) throw new Error('useAuth needs an <AuthProvider> above it');
  return auth;
}

async function askWhoThisIs(): Promise<(current: AuthState) => AuthState> {
  try {
    const { user } = await request<SignedIn>('/api/auth/me');
    return () => ({ ...NOBODY, user });
  } catch (error) {
    if (isSignedOut(error)) return ({ user }) => ({ ...NOBODY, hasExpired: user !== null });
    // an outage logs nobody out
    return (current) => (current.user ? current : { ...NOBODY, error: errorMessage(error) });
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
