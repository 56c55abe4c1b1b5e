import type { Operation, ToastText } from '@trunkline/react';
import { dataExport, type ExportResult } from '#shared/operations';
import { resultOf } from './results.ts';

/** The toast of an export that is ready has the button to download it. */
export function withDownload(operation: Operation): Partial<ToastText> {
  const file = resultOf(dataExport, operation);
  return file ? { action: { label: 'Download', onClick: () => download(file) } } : {};
}

/** As a link does it: a file that is not kept any more does not take the page away. */
function download({ url, fileName }: ExportResult): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = fileName;
  link.click();
}
