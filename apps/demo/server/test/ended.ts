import type { OperationSnapshot } from '@trunkline/contract';
import type { Browser } from './http.ts';

/** The operation with this id when it has ended. */
export async function ended(browser: Browser, id: string): Promise<OperationSnapshot> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each answer may come before the end
    const { status, text, json } = await browser.get(`/api/operations/${id}/wait?timeout=30`);
    if (status !== 200) throw new Error(`${status}: ${text}`);
    if (json.finishedAt !== undefined) return json;
  }
}
