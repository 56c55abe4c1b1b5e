import { ShieldCheck } from 'lucide-react';

/** What the platform's staff see: tables belong to tenants. */
export function PlatformPage() {
  return (
    <main className="mx-auto max-w-6xl px-4 py-16 sm:px-6 sm:py-24">
      <title>Platform · Trunkline</title>
      <div className="mx-auto max-w-lg text-center">
        <span className="mx-auto flex size-12 items-center justify-center rounded-2xl bg-accent-soft text-accent">
          <ShieldCheck className="size-6" aria-hidden="true" />
        </span>
        <h1 className="mt-6 text-2xl font-semibold tracking-tight text-balance">
          You are on the platform’s side of the wall
        </h1>
        <p className="mt-3 text-pretty text-muted">
          Users belong to a company, and platform staff belong to none. You have a live connection
          of your own, but no company’s table, imports or progress can reach it.
        </p>
        <p className="mt-8 rounded-xl border border-line bg-surface px-5 py-4 text-left text-sm text-muted shadow-card">
          To see users, log in as <strong className="font-medium text-ink">ada@acme.test</strong> or{' '}
          <strong className="font-medium text-ink">cleo@globex.test</strong>. A private window keeps
          this session next to it.
        </p>
      </div>
    </main>
  );
}
