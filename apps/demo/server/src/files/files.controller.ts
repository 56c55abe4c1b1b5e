import {
  Controller,
  Get,
  NotFoundException,
  Param,
  Post,
  Query,
  Req,
  Res,
  StreamableFile,
  UnsupportedMediaTypeException,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  CurrentPrincipal,
  IdempotencyKey,
  OperationErrorFilter,
  PrincipalGuard,
} from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { z } from 'zod';
import { FILE_HOURS, type UploadResult } from '#shared/operations';
import { tenantOf } from '@/auth/tenant';
import { mayRead } from '@/infrastructure/files/file-access';
import { attachment } from '@/infrastructure/files/file-name';
import { FileStore } from '@/infrastructure/files/file-store';
import { FileId, typed } from '../input.ts';
import { FileUploadService } from './file-upload.service.ts';
import { incomingOf, type UploadRequest } from './upload-body.ts';

const OCTETS = 'application/octet-stream';
const FileName = z.object({ name: typed(500) });

/** Files of the caller's own: uploads, and what exports have made. */
@Controller('api/files')
@UseGuards(PrincipalGuard)
export class FilesController {
  constructor(
    private readonly files: FileStore,
    private readonly uploads: FileUploadService,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  /** The body is the file itself: `POST /api/files?name=report.pdf`. */
  @Post()
  @UseFilters(OperationErrorFilter)
  async upload(
    @Query({ schema: FileName }) { name }: z.infer<typeof FileName>,
    @IdempotencyKey() idempotencyKey: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Req() request: UploadRequest,
    @Res({ passthrough: true }) response: object,
  ): Promise<UploadResult> {
    tenantOf(principal);
    const incoming = incomingOf(request);
    if (incoming.headers['content-type'] !== OCTETS) {
      throw new UnsupportedMediaTypeException(`Send the file itself, with Content-Type: ${OCTETS}`);
    }
    const file = await this.uploads.upload(incoming, principal, { name, idempotencyKey });
    this.adapterHost.httpAdapter.setHeader(response, 'location', file.url);
    return file;
  }

  @Get(':id')
  async download(
    @Param('id', { schema: FileId }) id: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<StreamableFile> {
    const file = await this.files.find(tenantOf(principal), id);
    const handle = file && mayRead(file, principal) ? await this.files.open(file) : null;
    if (!file || !handle) {
      throw new NotFoundException(
        `There is no such file, or not any more: files are kept for ${FILE_HOURS} hours`,
      );
    }
    return new StreamableFile(handle.createReadStream(), {
      type: file.mediaType,
      disposition: attachment(file.name),
      length: file.bytes,
    });
  }
}
