import { AuthProvider } from '@/context/AuthContext';
import { Layout } from './layout/layout.tsx';
import { Session } from './layout/session.tsx';

/** The demo's pages. */
export function App() {
  return (
    <AuthProvider>
      <Session>
        <Layout />
      </Session>
    </AuthProvider>
  );
}
