import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';

/** Why a form was not accepted. */
export function Problem({ children }: { children: ReactNode }) {
  return (
    <p
      role="alert"
      className="flex gap-2 rounded-lg bg-danger-soft px-3 py-2.5 text-sm wrap-anywhere text-danger"
    >
      <CircleAlert className="mt-0.5 size-4 shrink-0" aria-hidden="true" />
      {children}
    </p>
  );
}
