import { ArrowRight, LoaderCircle } from 'lucide-react';
import { TenantBadge } from '../layout/tenant-badge.tsx';
import { DEMO_PASSWORD, type DemoAccount, demoAccounts } from './accounts.ts';

interface DemoAccountsProps {
  /** Whose log-in is under way. */
  pendingEmail: string | null;
  onSelect: (email: string, password: string) => Promise<void>;
}

/** The demo's people, each one click away. */
export function DemoAccounts({ pendingEmail, onSelect }: DemoAccountsProps) {
  return (
    <div className="mt-6 border-t border-line pt-5">
      <h3 className="text-sm font-medium">Demo accounts</h3>
      <p className="mt-0.5 text-[0.8125rem] text-muted">
        One click logs you in; the password is always{' '}
        <code className="rounded bg-raised px-1 py-0.5 font-mono text-xs text-ink">
          {DEMO_PASSWORD}
        </code>
        .
      </p>
      <ul className="mt-3 flex flex-col gap-2">
        {demoAccounts.map((account) => (
          <li key={account.email}>
            <AccountButton
              account={account}
              isPending={pendingEmail === account.email}
              isDisabled={pendingEmail !== null}
              onSelect={() => void onSelect(account.email, DEMO_PASSWORD)}
            />
          </li>
        ))}
      </ul>
    </div>
  );
}

interface AccountButtonProps {
  account: DemoAccount;
  isPending: boolean;
  isDisabled: boolean;
  onSelect: () => void;
}

function AccountButton({ account, isPending, isDisabled, onSelect }: AccountButtonProps) {
  const { name, email, role, tenants } = account;
  const Icon = isPending ? LoaderCircle : ArrowRight;
  return (
    <button
      type="button"
      disabled={isDisabled}
      onClick={onSelect}
      className="group flex w-full items-center gap-3 rounded-xl border border-line px-3.5 py-2.5 text-left transition-colors hover:border-line-strong hover:bg-raised disabled:pointer-events-none disabled:opacity-60"
    >
      <span className="min-w-0 flex-1">
        <span className="block text-sm">
          <span className="font-medium">{name}</span>
          <span className="text-muted">, {role.toLowerCase()}</span>
        </span>
        <span className="block truncate text-[0.8125rem] text-muted">{email}</span>
      </span>
      {tenants.map((tenant) => (
        <TenantBadge key={tenant.id} tenant={tenant} className="not-first-of-type:-ml-1.5" />
      ))}
      <Icon
        aria-hidden="true"
        className={`size-4 text-muted transition-transform group-hover:translate-x-0.5 ${isPending ? 'animate-spin' : ''}`}
      />
    </button>
  );
}
