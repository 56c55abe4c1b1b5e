import type { StoredFile } from './file-store.ts';

/** Where a file can be had, and until when. */
export interface FileLink {
  readonly fileId: string;
  readonly fileName: string;
  readonly bytes: number;
  readonly url: string;
  readonly expiresAt: string;
}

/** The link names the tenant, because a browser that follows one sends no header that does. */
export function fileLink({ id, name, tenantId, bytes, expiresAt }: StoredFile): FileLink {
  const url = `/api/files/${id}?tenant=${tenantId}`;
  return { fileId: id, fileName: name, bytes, url, expiresAt: expiresAt.toISOString() };
}

/** The tenant that such a link names; `null` for any other URL. */
export function tenantOfLink(url: string): string | null {
  return /^\/api\/files\/[^/?]+\?tenant=([\w-]{1,64})$/.exec(url)?.[1] ?? null;
}
