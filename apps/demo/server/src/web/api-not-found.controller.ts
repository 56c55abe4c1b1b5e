import type { IncomingMessage } from 'node:http';
import { All, Controller, NotFoundException, Req } from '@nestjs/common';

/** An unknown path of the API is a 404 in JSON, never the page that unknown paths get. */
@Controller('api')
export class ApiNotFoundController {
  @All('{*rest}')
  refuse(@Req() { method, url }: IncomingMessage): never {
    throw new NotFoundException(`There is no ${method} ${url?.split('?')[0]}`);
  }
}
