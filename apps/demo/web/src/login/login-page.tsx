import { useEffect, useState } from 'react';
import { ApiError, errorMessage } from '@/api';
import { useAuth } from '@/context/AuthContext';
import { Logo } from '../layout/logo.tsx';
import { Problem } from '../ui/problem.tsx';
import { DemoAccounts } from './demo-accounts.tsx';
import { LoginForm } from './login-form.tsx';

/** Log in with a password, or as one of the demo's people with one click. */
export function LoginPage() {
  const { login, hasExpired } = useAuth();
  const [pendingEmail, setPendingEmail] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  // on a phone, the accounts are further down than what comes now begins
  useEffect(() => () => scrollTo(0, 0), []);

  const handleLogin = async (email: string, password: string) => {
    setPendingEmail(email);
    setProblem(null);
    try {
      await login(email, password);
    } catch (error) {
      setProblem(loginProblem(error));
      setPendingEmail(null);
    }
  };

  return (
    <main className="mx-auto grid min-h-dvh max-w-5xl content-center gap-10 px-5 py-10 lg:grid-cols-[1fr_minmax(0,26rem)] lg:gap-20">
      <title>Log in · Trunkline</title>
      <section className="flex flex-col lg:self-center">
        <div className="flex items-center gap-3">
          <Logo className="size-9" />
          <span className="text-lg font-semibold tracking-tight">Trunkline</span>
        </div>
        <h1 className="mt-8 text-3xl font-semibold tracking-tight text-balance lg:mt-14 lg:text-4xl">
          Watch the work as it happens.
        </h1>
        <p className="mt-4 max-w-md text-pretty text-muted">
          Imports report their progress while they run, tables and prices follow by themselves,
          colleagues chat. Nobody outside the company sees any of it.
        </p>
        <ol className="mt-8 hidden max-w-md flex-col gap-3 text-sm text-muted lg:flex">
          <Step number={1}>
            Log in as <Name>Ada</Name> here, and as <Name>Ben</Name> in a private window.
          </Step>
          <Step number={2}>Import the sample as Ada: Ben’s table fills up while he watches.</Step>
          <Step number={3}>Chat with each other, and change a price under each other’s eyes.</Step>
          <Step number={4}>
            Look from <Name>Cleo</Name>’s side: another company, and nothing has changed.
          </Step>
          <Step number={5}>
            As <Name>Dana</Name>, open two tabs and switch one: she works for both companies, and
            neither sees the other.
          </Step>
          <Step number={6}>
            As <Name>Root</Name>, create a company of your own, or look into one for a reason.
          </Step>
        </ol>
      </section>

      <section
        aria-label="Log in"
        className="rounded-2xl border border-line bg-surface p-5 shadow-card sm:p-7"
      >
        <h2 className="text-lg font-semibold tracking-tight">Log in</h2>
        {hasExpired && problem === null ? (
          <p role="status" className="mt-3 text-sm text-muted">
            Your session has ended. Please log in again.
          </p>
        ) : null}
        {problem === null ? null : (
          <div className="mt-3">
            <Problem>{problem}</Problem>
          </div>
        )}
        <LoginForm isPending={pendingEmail !== null} onSubmit={handleLogin} />
        <DemoAccounts pendingEmail={pendingEmail} onSelect={handleLogin} />
      </section>
    </main>
  );
}

function Step({ number, children }: { number: number; children: React.ReactNode }) {
  return (
    <li className="flex gap-3">
      <span
        aria-hidden="true"
        className="mt-px flex size-5 shrink-0 items-center justify-center rounded-full border border-line-strong text-[0.6875rem] font-medium"
      >
        {number}
      </span>
      <span>{children}</span>
    </li>
  );
}

function Name({ children }: { children: string }) {
  return <strong className="font-medium text-ink">{children}</strong>;
}

function loginProblem(error: unknown): string {
  if (error instanceof ApiError && error.status === 401) {
    return 'This e-mail and password do not belong together. Please check both.';
  }
  return errorMessage(error);
}
