import { Module } from '@nestjs/common';
import { FileStoreModule } from '../infrastructure/files/file-store.module.ts';
import { FileUploadService } from './file-upload.service.ts';
import { FilesController } from './files.controller.ts';

@Module({
  imports: [FileStoreModule],
  controllers: [FilesController],
  providers: [FileUploadService],
})
export class FilesModule {}
