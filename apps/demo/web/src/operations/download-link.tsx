import { Download } from 'lucide-react';
import { buttonClasses } from '../ui/button.tsx';
import { classNames } from '../ui/class-names.ts';
import { useNow } from '../ui/use-now.ts';

const TICK_MS = 60_000;

interface DownloadLinkProps {
  file: { fileName: string; url: string; expiresAt: string };
  className?: string;
}

/** Downloads a file, for as long as the server keeps it. */
export function DownloadLink({ file, className }: DownloadLinkProps) {
  const isKept = useNow(TICK_MS) < Date.parse(file.expiresAt);
  if (!isKept) return <span className="text-xs text-muted">Not kept any more</span>;
  return (
    <a
      href={file.url}
      download={file.fileName}
      aria-label={`Download ${file.fileName}`}
      className={classNames(buttonClasses({ size: 'small' }), className)}
    >
      <Download aria-hidden="true" />
      Download
    </a>
  );
}
