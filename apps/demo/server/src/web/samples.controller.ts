import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Controller, Get, NotFoundException, Param, StreamableFile } from '@nestjs/common';
import { sampleFolder } from '../folders.ts';

const SAMPLES = new Set(['users-10000.csv', 'users-bad-rows.csv']);

/** CSV files to try the import with. */
@Controller('samples')
export class SamplesController {
  @Get(':file')
  download(@Param('file') file: string): StreamableFile {
    if (!SAMPLES.has(file)) throw new NotFoundException(`There is no sample ${file}`);
    const disposition = `attachment; filename="${file}"`;
    const stream = createReadStream(join(sampleFolder, file));
    return new StreamableFile(stream, { type: 'text/csv; charset=utf-8', disposition });
  }
}
