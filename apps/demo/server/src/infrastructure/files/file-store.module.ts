import { Module } from '@nestjs/common';
import { FileCleaner } from './file-cleaner.ts';
import { FileStore } from './file-store.ts';

@Module({ providers: [FileStore, FileCleaner], exports: [FileStore] })
export class FileStoreModule {}
