import type { IncomingMessage } from 'node:http';
import { Injectable, PayloadTooLargeException } from '@nestjs/common';
import { type OperationHandle, Operations, UserFacingError } from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { fileUpload, MAX_UPLOAD_BYTES, type UploadResult } from '#shared/operations';
import { tenantOf } from '@/auth/tenant';
import { httpRefusal } from '@/http-refusal';
import { fileLink } from '@/infrastructure/files/file-link';
import { safeFileName } from '@/infrastructure/files/file-name';
import { FileStore } from '@/infrastructure/files/file-store';
import { ADMINS } from '@/infrastructure/operations/audience';
import { megabytes } from '@/numbers';
import { bodyOf, declaredBytes } from './upload-body.ts';

const TOO_LARGE = `A file may have ${MAX_UPLOAD_BYTES / 1024 / 1024} MB, and this one has more`;

/** Takes files in, and tells their owner how much of them has come. */
@Injectable()
export class FileUploadService {
  constructor(
    private readonly operations: Operations,
    private readonly files: FileStore,
  ) {}

  /** Resolves when the file is there. A file that says itself that it is too large is no operation at all. */
  async upload(
    request: IncomingMessage,
    principal: Principal,
    { name, idempotencyKey }: { name: string; idempotencyKey: string | undefined },
  ): Promise<UploadResult> {
    if ((declaredBytes(request) ?? 0) > MAX_UPLOAD_BYTES) {
      throw new PayloadTooLargeException(TOO_LARGE);
    }
    const labels = { file: safeFileName(name) };
    const options = { labels, idempotencyKey, audience: ADMINS };
    let operationId: string | undefined;
    try {
      return await this.operations.run(fileUpload, options, (operation) => {
        operationId = operation.id;
        return this.#receive(request, principal, name, operation);
      });
    } catch (error) {
      throw httpRefusal(error, operationId);
    }
  }

  async #receive(
    request: IncomingMessage,
    principal: Principal,
    name: string,
    operation: OperationHandle,
  ): Promise<UploadResult> {
    const file = await this.files.save(
      {
        tenantId: tenantOf(principal),
        ownerId: principal.userId,
        kind: 'upload',
        name,
        mediaType: 'application/octet-stream',
      },
      received(request, operation),
    );
    const link = fileLink(file);
    operation.setOutcome({ resultRef: link.url });
    return { ...link, sha256: file.sha256 };
  }
}

async function* received(
  request: IncomingMessage,
  operation: OperationHandle,
): AsyncGenerator<Uint8Array> {
  const total = declaredBytes(request);
  let bytes = 0;
  for await (const chunk of bodyOf(request, operation.signal)) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > MAX_UPLOAD_BYTES) throw new UserFacingError(TOO_LARGE, { code: 'too-large' });
    await operation.progress(progressOf(bytes, total));
    yield chunk as Uint8Array;
  }
}

function progressOf(bytes: number, total: number | undefined) {
  const stage = 'uploading';
  if (!total) return { stage, message: `${megabytes(bytes)} received` };
  const message = `${megabytes(bytes)} of ${megabytes(total)} received`;
  return { stage, percentage: Math.floor((99 * bytes) / total), message };
}
