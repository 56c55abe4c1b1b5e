import { z } from 'zod';

/** Which rows of the users table a page shows: `GET /api/users?page=2&sort=email&search=ada`. */
export const UsersQuery = z.object({
  page: z.coerce.number().int().min(1).max(1_000_000).default(1),
  pageSize: z.coerce.number().int().min(1).max(100).default(25),
  sort: z.enum(['name', 'email', 'role', 'department', 'createdAt']).default('name'),
  direction: z.enum(['asc', 'desc']).default('asc'),
  search: z.string().trim().max(100).default(''),
});

export type UsersQuery = z.infer<typeof UsersQuery>;
