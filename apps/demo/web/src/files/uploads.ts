import { useCallback, useState } from 'react';
import { toast } from 'sonner';
import { MAX_UPLOAD_BYTES, type UploadResult } from '#shared/operations';
import { ApiError, errorMessage, requestIn } from '@/api';
import { useAuth } from '@/context/AuthContext';
import { randomId } from '../random-id.ts';
import { formatBytes } from '../ui/numbers.ts';
import { useIsHere } from '../ui/use-is-here.ts';

/** Sends files to the server; how far each one is tells its operation. */
export function useUploads() {
  const { user } = useAuth();
  const [sending, setSending] = useState(0);
  const isHere = useIsHere();
  const tenantId = user?.tenantId ?? null;

  const upload = useCallback(
    async (file: File) => {
      setSending((count) => count + 1);
      try {
        await send(file, tenantId);
      } catch (error) {
        // whoever logged out in the meantime is not told
        if (isHere.current && !isToldByOperation(error)) {
          toast.error(`${file.name} was not uploaded`, { description: errorMessage(error) });
        }
      } finally {
        setSending((count) => count - 1);
      }
    },
    [tenantId, isHere],
  );
  return { isSending: sending > 0, upload };
}

async function send(file: File, tenantId: string | null): Promise<UploadResult> {
  if (file.size > MAX_UPLOAD_BYTES) {
    throw new Error(
      `It has ${formatBytes(file.size)}, the limit is ${formatBytes(MAX_UPLOAD_BYTES)}.`,
    );
  }
  return await requestIn<UploadResult>(
    tenantId,
    `/api/files?name=${encodeURIComponent(file.name)}`,
    {
      method: 'POST',
      headers: { 'Content-Type': 'application/octet-stream', 'Idempotency-Key': randomId() },
      body: file,
    },
  );
}

/** The operation's own toast says the same: that it was cancelled, or why it failed. */
function isToldByOperation(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  const { body } = error;
  return typeof body === 'object' && body !== null && 'operationId' in body;
}
