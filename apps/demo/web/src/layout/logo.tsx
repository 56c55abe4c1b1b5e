/** The mark: circuits that share one line. */
export function Logo({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" fill="none" className={className} aria-hidden="true">
      <rect width="32" height="32" rx="8" className="fill-ink" />
      <g className="stroke-surface" strokeWidth="2.5" strokeLinecap="round">
        <path d="M6 9h3c5 0 4 7 9 7h8" opacity=".55" />
        <path d="M6 23h3c5 0 4-7 9-7" opacity=".55" />
        <path d="M6 16h20" />
      </g>
    </svg>
  );
}
