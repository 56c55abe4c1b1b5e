import { ChevronDown, TriangleAlert, X } from 'lucide-react';
import { Button } from '../ui/button.tsx';
import { countOf, formatCount } from '../ui/numbers.ts';
import type { ImportReport } from './imports.ts';

interface ImportReportsProps {
  reports: readonly ImportReport[];
  onClose: (operationId: string) => void;
}

/** Which rows the last imports have left out, and why; the newest first. */
export function ImportReports({ reports, onClose }: ImportReportsProps) {
  return reports.map((report, index) => (
    <Report
      key={report.operationId}
      report={report}
      isOpen={index === 0}
      onClose={() => onClose(report.operationId)}
    />
  ));
}

interface ReportProps {
  report: ImportReport;
  isOpen: boolean;
  onClose: () => void;
}

function Report({ report: { fileName, results }, isOpen, onClose }: ReportProps) {
  const { imported, skipped, errors, errorCount } = results;
  return (
    <section
      aria-label={`Import report of ${fileName}`}
      className="relative animate-appear overflow-hidden rounded-xl border border-warning/30 bg-surface shadow-card"
    >
      <details open={isOpen} className="group">
        <summary className="flex list-none items-center gap-3 bg-warning-soft py-3 pr-14 pl-4 text-sm -outline-offset-2 sm:pl-5 [&::-webkit-details-marker]:hidden">
          <TriangleAlert className="size-4 shrink-0 text-warning" aria-hidden="true" />
          <span className="min-w-0 flex-1">
            <span className="font-medium">
              {countOf(skipped, 'row')} of {fileName} {skipped === 1 ? 'was' : 'were'} skipped
            </span>
            <span className="text-muted"> · {countOf(imported, 'user')} imported</span>
          </span>
          <ChevronDown
            className="size-4 shrink-0 text-muted transition-transform group-open:rotate-180"
            aria-hidden="true"
          />
        </summary>
        <div
          className="max-h-52 overflow-y-auto border-t border-warning/20"
          tabIndex={0}
          role="group"
          aria-label="Skipped rows"
        >
          <table className="w-full text-left text-[0.8125rem]">
            <thead className="sticky top-0 bg-surface text-muted">
              <tr className="border-b border-line">
                <th scope="col" className="w-18 py-2 pr-3 pl-4 text-right font-medium sm:pl-5">
                  Line
                </th>
                <th scope="col" className="py-2 pr-4 font-medium">
                  Reason
                </th>
              </tr>
            </thead>
            <tbody>
              {errors.map(({ line, reason }, index) => (
                // a line may have more than one problem, and the list never changes
                // oxlint-disable-next-line react/no-array-index-key
                <tr key={index} className="border-b border-line last:border-0">
                  <td className="py-1.5 pr-3 pl-4 text-right text-muted tabular-nums sm:pl-5">
                    {formatCount(line)}
                  </td>
                  <td className="py-1.5 pr-4 wrap-anywhere">{reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {errorCount > errors.length ? (
          <p className="border-t border-line px-4 py-2.5 text-[0.8125rem] text-muted sm:px-5">
            The first {formatCount(errors.length)} of {formatCount(errorCount)} are listed.
          </p>
        ) : null}
      </details>
      <Button
        variant="quiet"
        size="icon"
        aria-label={`Close the report of ${fileName}`}
        onClick={onClose}
        className="absolute top-1.5 right-3"
      >
        <X aria-hidden="true" />
      </Button>
    </section>
  );
}
