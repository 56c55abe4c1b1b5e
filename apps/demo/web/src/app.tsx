import { AuthProvider } from '@/context/AuthContext';
import { Layout } from './layout/layout.tsx';

/** The demo's pages. */
export function App() {
  return (
    <AuthProvider>
      <Layout />
    </AuthProvider>
  );
}
