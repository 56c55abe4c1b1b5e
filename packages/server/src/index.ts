export { type AttachOptions, attach, type Door, type HttpFallback } from './attach.ts';
export type { AuditAction, AuditEntry, AuditRecord, AuditSink } from './audit.ts';
export { type AuditLogger, pinoAudit } from './audit-pino.ts';
export {
  type Broker,
  type BrokerListener,
  type BrokerStats,
  BrokerUnavailableError,
  type ClientInfo,
  type History,
  NotDurableError,
  type PresenceChange,
  type Publication,
  type PublishOptions,
  PublishTimeoutError,
  RateLimitedError,
  type StreamPosition,
} from './broker/broker.ts';
export { MemoryBroker, type MemoryBrokerOptions } from './broker/memory.ts';
export { type AddressOf, addressBehind } from './client-address.ts';
export type { Cluster, SurveyAnswer } from './cluster/cluster.ts';
export {
  NodeGoneError,
  NodesUnreachableError,
  OrderFailedError,
  UnansweredError,
} from './cluster/errors.ts';
export type { ClusterNode, NodeLoad } from './cluster/nodes.ts';
export type { CountName, Counts, LimitName } from './counters.ts';
export type { UserAddress } from './credentials.ts';
export { defaultDrain } from './draining.ts';
export {
  Disconnect,
  disconnects,
  IsolationViolationError,
  LimitExceededError,
  ProtocolError,
  protocolErrors,
  unsubscribed,
} from './errors.ts';
export {
  type EventAddress,
  InvalidEventError,
  PayloadTooLargeError,
  type SealedEvent,
  sealEvent,
  sealRefreshSignal,
} from './event.ts';
export { EventNotSerialisableError } from './event-json.ts';
export type { OnIsolationViolation } from './isolation-alarm.ts';
export { defaultLimits, type HistoryLimits, type Limits, type TenantLimits } from './limits.ts';
export { consoleLog, describeError, type Log } from './log.ts';
export { Node, type Readiness } from './node.ts';
export type { DrainOptions, NodeOptions, NodePublishOptions } from './node-options.ts';
export {
  type ActingAs,
  type Authenticate,
  actingAsOf,
  checkPrincipal,
  type Handshake,
  type Principal,
  type Reauthorize,
  requestedTenant,
} from './principal.ts';
export {
  checkSend,
  type Durability,
  InvalidDurabilityError,
  InvalidIdempotencyKeyError,
  type Receipt,
  type SendEventOptions,
  sendEvent,
} from './receipt.ts';
export type { RoomAnswer, RoomGrant, RoomRequest, RoomRule, RoomRules } from './rooms.ts';
export type { CallContext, OwnMethodOptions, RpcHandler, RpcHandlers, SendHandler } from './rpc.ts';
export type { NodeStats } from './stats.ts';
export { type SupportViewOptions, supportView } from './support-view.ts';
export type { LimitsFor } from './tenants.ts';
export type { Cause, Users } from './users.ts';
export { withTimeout } from './with-timeout.ts';
