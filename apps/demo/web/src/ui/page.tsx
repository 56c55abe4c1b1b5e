import type { ReactNode } from 'react';
import { classNames } from './class-names.ts';

interface PageProps {
  title: string;
  /** Said below the title. */
  lead?: ReactNode;
  /** Beside the title. */
  actions?: ReactNode;
  className?: string;
  children: ReactNode;
}

/** A page of the app, with its heading. */
export function Page({ title, lead, actions, className, children }: PageProps) {
  return (
    <Main title={title} className={classNames('flex flex-col gap-5 py-8', className)}>
      <div className="flex flex-wrap items-end gap-x-6 gap-y-4">
        <div className="min-w-0 flex-[1_1_20rem]">
          <h1 className="text-2xl font-semibold tracking-tight wrap-anywhere">{title}</h1>
          {lead === undefined ? null : (
            <p className="mt-1 text-sm text-pretty text-muted">{lead}</p>
          )}
        </div>
        {actions === undefined ? null : <div className="flex flex-wrap gap-2">{actions}</div>}
      </div>
      {children}
    </Main>
  );
}

interface MainProps {
  /** Of the browser's tab. */
  title: string;
  className?: string;
  children: ReactNode;
}

/** What a page is about: where the focus goes after a click in the navigation. */
export function Main({ title, className, children }: MainProps) {
  return (
    <main
      id="main"
      tabIndex={-1}
      className={classNames('mx-auto w-full max-w-6xl px-4 outline-none sm:px-6', className)}
    >
      <title>{`${title} · Trunkline`}</title>
      {children}
    </main>
  );
}
