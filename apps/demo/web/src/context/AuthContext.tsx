import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
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

  const refresh = useCallback(() => askWhoThisIs().then(setState), []);

  const tellOtherTabs = useOtherTabs(refresh);

  const login = useCallback(
    async (email: string, password: string) => {
      const { user } = await post<SignedIn>('/api/auth/login', { email, password });
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
  const [channel] = useState(() => new BroadcastChannel(CHANNEL));
  useEffect(() => {
    const listener = () => void onChange();
    channel.addEventListener('message', listener);
    return () => channel.removeEventListener('message', listener);
  }, [channel, onChange]);
  return useCallback(() => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it is no window
    channel.postMessage('changed');
  }, [channel]);
}
