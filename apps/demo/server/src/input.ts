import { isTenantId } from '@trunkline/contract';
import { z } from 'zod';

/** What somebody typed: trimmed, not empty. Postgres cannot keep a NUL character. */
export const typed = (maxLength: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maxLength)
    .refine((text) => !text.includes('\0'), 'must not have a NUL character');

/** An id in a path or a body. One that nothing can have is told so; any other may be absent. */
export const Id = z.string().regex(/^[\w.:@-]{1,100}$/, 'is not an id');

export const TenantId = z.string().refine(isTenantId, 'is not an id');

/** An id that `FileStore` makes. It becomes part of a path. */
export const FileId = z.string().regex(/^[a-f0-9-]{36,64}$/, 'is not the id of a file');
