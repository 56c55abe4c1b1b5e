import { ApiError } from '@/api';

/** A file of 10,000 invented users, and one of 30 in which every kind of mistake occurs. */
export type Sample = 'users-10000.csv' | 'users-bad-rows.csv';

/** Where a sample can be downloaded. */
export function sampleUrl(sample: Sample): string {
  return `/samples/${sample}`;
}

/** Fetches a sample as if it had been chosen from the disk. */
export async function fetchSample(sample: Sample): Promise<File> {
  const response = await fetch(sampleUrl(sample));
  if (!response.ok) {
    throw new ApiError(`The server does not have it (${response.status}).`, response.status, null);
  }
  // the same file each time, as it would be on the disk
  return new File([await response.blob()], sample, { type: 'text/csv', lastModified: 0 });
}
