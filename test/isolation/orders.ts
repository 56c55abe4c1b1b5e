import type { TenantSender, WebSocketService } from '@trunkline/nestjs';
import type { Receipt } from '@trunkline/server';

/** What a service of the application does, with everything that it says to Trunkline. */
export interface Order {
  readonly call: Call;
  readonly userId: string;
  readonly room: string;
  /** The tenant that it names; absent: that is left to the context. */
  readonly tenantId?: string;
  /** Is the tenant named by `forTenant`, and not in the call itself? */
  readonly isBound?: boolean;
  /** What its event carries. */
  readonly marker: string;
  /** How often: an event each time. Default: once. */
  readonly times?: number;
  readonly isVolatile?: boolean;
}

/** What came of it: `accepted` or `done`, else the code of the error. */
export interface Outcome {
  readonly answer: string;
  readonly data?: unknown;
}

/** The calls that send something, and those that do something to people. */
export const SENDS = ['sendToUser', 'sendToTenant', 'sendToRoom', 'refreshTables'] as const;
export const DEEDS = [
  'joinRoom',
  'leaveRoom',
  'presence',
  'disconnectUser',
  'disconnectTenant',
  'refreshPermissions',
] as const;

type Carry = (to: TenantSender, order: Order) => Promise<Outcome>;

const CALLS = {
  sendToUser: sending((to, order) => to.sendToUser(order.userId, eventOf(order), howTo(order))),
  sendToTenant: sending((to, order) => to.sendToTenant(eventOf(order), howTo(order))),
  sendToRoom: sending((to, order) => to.sendToRoom(order.room, eventOf(order), howTo(order))),
  refreshTables: sending((to, { marker }) => to.refreshTables([marker])),
  joinRoom: doing((to, { userId, room }) => to.joinRoom(userId, room)),
  leaveRoom: doing((to, { userId, room }) => to.leaveRoom(userId, room)),
  presence: doing((to, { room }) => to.presence(room)),
  disconnectUser: doing((to, { userId }) => to.disconnectUser(userId)),
  disconnectTenant: doing((to) => to.disconnectTenant()),
  refreshPermissions: doing((to, { userId }) => to.refreshPermissions(userId)),
} as const satisfies Partial<Record<keyof TenantSender, Carry>>;

/** Everything that a service can ask of Trunkline. */
export type Call = keyof typeof CALLS | 'sendToPlatform';

/** Carries an order out on behalf of whoever this code runs for. */
export async function carryOut(service: WebSocketService, order: Order): Promise<Outcome> {
  const { call, tenantId, isBound = false } = order;
  try {
    if (call === 'sendToPlatform') return await platformSend(service, order);
    const to = isBound ? service.forTenant(tenantId as string) : naming(service, tenantId);
    return await CALLS[call](to, order);
  } catch (error) {
    return { answer: String((error as { code?: unknown }).code ?? error) };
  }
}

/** The service, with the tenant named in each call; `undefined`: it is not. */
function naming(service: WebSocketService, tenantId: string | undefined): TenantSender {
  const named = tenantId === undefined ? {} : { tenantId };
  return {
    sendToUser: (userId, event, how) => service.sendToUser(userId, event, { ...how, ...named }),
    sendToTenant: (event, how) => service.sendToTenant(tenantId as string, event, how),
    sendToRoom: (room, event, how) => service.sendToRoom(room, event, { ...how, ...named }),
    refreshTables: (tables) => service.refreshTables(tables, named),
    joinRoom: (userId, room) => service.joinRoom(userId, room, named),
    leaveRoom: (userId, room) => service.leaveRoom(userId, room, named),
    presence: (room) => service.presence(room, named),
    disconnectUser: (userId) => service.disconnectUser(userId, named),
    disconnectTenant: () => service.disconnectTenant(tenantId as string),
    refreshPermissions: (userId) => service.refreshPermissions(userId, named),
  };
}

function sending(send: (to: TenantSender, order: Order) => Promise<Receipt>): Carry {
  return async (to, order) => {
    const sends = Array.from({ length: order.times ?? 1 }, () => send(to, order));
    const receipts = await Promise.all(sends);
    return { answer: receipts.find(({ status }) => status !== 'accepted')?.status ?? 'accepted' };
  };
}

function doing(act: (to: TenantSender, order: Order) => Promise<unknown>): Carry {
  return async (to, order) => {
    const data = await act(to, order);
    return { answer: 'done', ...(data === undefined ? {} : { data }) };
  };
}

async function platformSend(service: WebSocketService, order: Order): Promise<Outcome> {
  const { status } = await service.sendToPlatform(eventOf(order));
  return { answer: status };
}

function eventOf({ marker }: Order) {
  return { type: 'note', data: { is: marker } };
}

function howTo({ isVolatile = false }: Order): { volatile: boolean } {
  return { volatile: isVolatile };
}
