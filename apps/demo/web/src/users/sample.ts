import { ApiError } from '@/api';

/** A file of 10,000 invented users. */
export const SAMPLE_URL = '/samples/users-10000.csv';

/** Fetches the sample as if it had been chosen from the disk. */
export async function fetchSample(): Promise<File> {
  const response = await fetch(SAMPLE_URL);
  if (!response.ok) {
    throw new ApiError(`The server does not have it (${response.status}).`, response.status, null);
  }
  return new File([await response.blob()], 'users-10000.csv', { type: 'text/csv' });
}
