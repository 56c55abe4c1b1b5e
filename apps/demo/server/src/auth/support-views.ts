import { Injectable } from '@nestjs/common';
import type { Principal } from '@trunkline/server';
import { and, eq, gt } from 'drizzle-orm';
import { Database } from '@/infrastructure/database/database';
import { supportViews } from '@/infrastructure/database/schema';

/** A look of the platform's staff into a tenant, for so long. */
export type SupportView = typeof supportViews.$inferSelect;

/** How long a support view stays open. */
const DURATION_MS = 30 * 60 * 1000;

/** Which member of the staff looks into which tenant. */
@Injectable()
export class SupportViews {
  constructor(private readonly database: Database) {}

  /** Opens a view, or opens it anew with another reason. */
  async open(staffId: string, tenantId: string, reason: string): Promise<SupportView> {
    const openedAt = new Date();
    const expiresAt = new Date(openedAt.getTime() + DURATION_MS);
    const view = { staffId, tenantId, reason, openedAt, expiresAt };
    await this.database.queries
      .insert(supportViews)
      .values(view)
      .onConflictDoUpdate({ target: [supportViews.staffId, supportViews.tenantId], set: view });
    return view;
  }

  /** The view that is open now; `null` without one. */
  async find(staffId: string, tenantId: string): Promise<SupportView | null> {
    const [view] = await this.database.queries
      .select()
      .from(supportViews)
      .where(and(isView(staffId, tenantId), gt(supportViews.expiresAt, new Date())));
    return view ?? null;
  }

  /** Ends every view of somebody of the staff; gives the tenants that they looked into. */
  async closeAll(staffId: string): Promise<string[]> {
    const views = await this.database.queries
      .delete(supportViews)
      .where(eq(supportViews.staffId, staffId))
      .returning({ tenantId: supportViews.tenantId });
    return views.map(({ tenantId }) => tenantId);
  }

  /** Ends a view, if there is one. */
  async close(staffId: string, tenantId: string): Promise<void> {
    await this.database.queries.delete(supportViews).where(isView(staffId, tenantId));
  }
}

/** The staff member behind a principal that looks into a tenant; `null`: the tenant's own people. */
export function actingAs({ claims }: Principal): { userId: string; reason: string } | null {
  const { actingAs: staff, reason } = (claims ?? {}) as {
    actingAs?: { userId: string };
    reason?: string;
  };
  return staff ? { userId: staff.userId, reason: reason ?? '' } : null;
}

/** The user that a member of the staff is in a tenant. */
export function supportUserId(staffId: string): string {
  return `support:${staffId}`;
}

function isView(staffId: string, tenantId: string) {
  return and(eq(supportViews.staffId, staffId), eq(supportViews.tenantId, tenantId));
}
