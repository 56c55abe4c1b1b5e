import { createRequire } from 'node:module';
import type * as Swagger from '@nestjs/swagger';

const NAME = '@nestjs/swagger';

/** `@nestjs/swagger`, where the app has it. */
export function swagger(): typeof Swagger | null {
  const require = createRequire(import.meta.url);
  try {
    require.resolve(NAME);
  } catch {
    return null;
  }
  return require(NAME) as typeof Swagger;
}
