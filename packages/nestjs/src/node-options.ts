import type {
  AuditSink,
  NodeOptions,
  Reauthorize,
  RoomRule,
  RoomRules,
  RpcHandlers,
} from '@trunkline/server';
import { asCaller } from './as-caller.ts';
import type { Calls } from './calls.ts';
import { runAs, runInContext } from './context.ts';
import { nestLog } from './nest-log.ts';
import type { WebSocketModuleOptions } from './options.ts';
import type { RoomPolicies } from './room-policies.ts';

/** What the app's providers add to the module's options. */
interface Discovered {
  readonly policies: RoomPolicies;
  readonly calls: Calls;
}

/** The node's options: the module's, with every hook of the app run as the principal that it is about. */
export function nodeOptions(
  options: WebSocketModuleOptions,
  { policies, calls }: Discovered,
): NodeOptions {
  const { authenticate, broker, limits, limitsFor } = options;
  const { reauthorize, onSend, audit, onIsolationViolation } = options;
  const rpc = calls.handlersWith(options.rpc);
  return {
    authenticate: authenticate ?? (() => null),
    log: options.log ?? nestLog(),
    rooms: rulesAsPrincipal(policies.rulesWith(options.rooms)),
    roomsOf: (principal) => runAs(principal, () => options.roomsOf?.(principal) ?? []),
    channelCompaction: options.channelCompaction ?? false,
    ...(broker ? { broker } : {}),
    ...(limits ? { limits } : {}),
    ...(limitsFor ? { limitsFor } : {}),
    ...(reauthorize ? { reauthorize: asPrincipal(reauthorize) } : {}),
    ...(Object.keys(rpc).length > 0 ? { rpc: handlersAsCaller(rpc) } : {}),
    ...(onSend ? { onSend: asCaller(onSend) } : {}),
    ...(audit ? { audit: outsideAnyContext(audit) } : {}),
    ...(onIsolationViolation ? { onIsolationViolation } : {}),
  };
}

function asPrincipal(reauthorize: Reauthorize): Reauthorize {
  return (principal) => runAs(principal, () => reauthorize(principal));
}

function rulesAsPrincipal(rooms: RoomRules): RoomRules {
  const wrapped = Object.entries(rooms).map(([pattern, rule]) => {
    if (!rule.authorize) return [pattern, rule] as const;
    const authorize: RoomRule['authorize'] = (principal, room, request) =>
      runAs(principal, () => rule.authorize?.(principal, room, request) ?? false);
    // The rule may be an instance of the app's: its other members stay where they are.
    return [pattern, Object.assign(Object.create(rule) as RoomRule, { authorize })] as const;
  });
  return Object.fromEntries(wrapped);
}

function handlersAsCaller(rpc: RpcHandlers): RpcHandlers {
  return Object.fromEntries(
    Object.entries(rpc).map(([method, handler]) => [method, asCaller(handler)]),
  );
}

/** A record is written for the operator, whoever's work it came from. */
function outsideAnyContext(audit: AuditSink): AuditSink {
  return { record: (record) => runInContext(undefined, () => audit.record(record)) };
}
