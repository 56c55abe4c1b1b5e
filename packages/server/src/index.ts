export {
  type Broker,
  BrokerUnavailableError,
  type History,
  type OnPublication,
  type Publication,
  type PublishOptions,
  PublishTimeoutError,
  type StreamPosition,
} from './broker/broker.ts';
export { MemoryBroker, type MemoryBrokerOptions } from './broker/memory.ts';
export { Disconnect, disconnects, ProtocolError, protocolErrors, unsubscribed } from './errors.ts';
export {
  type EventAddress,
  EventNotSerialisableError,
  InvalidEventError,
  PayloadTooLargeError,
  type SealedEvent,
  sealEvent,
  sealRefreshSignal,
} from './event.ts';
export { defaultLimits, type HistoryLimits, type Limits } from './limits.ts';
export { consoleLog, describeError, type Log } from './log.ts';
export { type DrainOptions, Node, type NodeOptions, type NodeStats } from './node.ts';
export { type Authenticate, checkPrincipal, type Handshake, type Principal } from './principal.ts';
export {
  checkIdempotencyKey,
  InvalidIdempotencyKeyError,
  type Receipt,
  type SendEventOptions,
  sendEvent,
} from './receipt.ts';
export type { RoomRequest, RoomRule, RoomRules } from './rooms.ts';
export { type AttachOptions, attach, type Door } from './upgrade.ts';
export { withTimeout } from './with-timeout.ts';
