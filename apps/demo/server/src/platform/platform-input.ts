import { z } from 'zod';
import { TenantId, typed } from '../input.ts';

/** Body of `POST /api/platform/tenants`. The id becomes part of its people's e-mail addresses. */
export const NewTenant = z.object({
  id: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be 1 to 31 of a-z, 0-9 and -, beginning with a letter'),
  name: typed(80),
});
export type NewTenant = z.infer<typeof NewTenant>;

/** Body of `POST /api/platform/announcements`. */
export const Announcement = z.object({ tenantId: TenantId, message: typed(500) });
export type Announcement = z.infer<typeof Announcement>;

/** Body of `POST /api/platform/alerts`. */
export const Alert = z.object({ severity: z.enum(['info', 'high']), message: typed(500) });
export type Alert = z.infer<typeof Alert>;

/** Body of `POST /api/platform/support-views`. */
export const NewSupportView = z.object({ tenantId: TenantId, reason: typed(200) });
export type NewSupportView = z.infer<typeof NewSupportView>;

/** Query of `GET /api/platform/audit`. */
export const AuditQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});
export type AuditQuery = z.infer<typeof AuditQuery>;
