import type { PublishOrder } from './publisher.ts';

/** Who is where, and what is published to them. */
export interface Cast {
  readonly tenantIds: readonly string[];
  /** For `CrowdOptions`: the n-th client's rooms. */
  readonly rooms: readonly (readonly string[])[];
  /** For a load: each of the rooms, of each tenant, in turn. */
  readonly to: readonly PublishOrder[];
}

/** Tenants with so many rooms each, all of the same names; every client is in one room of its tenant. */
export function castOf(tenantIds: readonly string[], roomsPerTenant: number, bytes = 100): Cast {
  const names = Array.from({ length: roomsPerTenant }, (_, n) => `room:${n}`);
  return {
    tenantIds,
    // The tenants of clients go round, too: each room comes once for each of them.
    rooms: names.flatMap((name) => tenantIds.map(() => [name])),
    to: names.flatMap((room) =>
      tenantIds.map((tenantId) => ({ tenantId, target: { kind: 'room', room } as const, bytes })),
    ),
  };
}
