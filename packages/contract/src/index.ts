export {
  type Channel,
  channelKey,
  isKeyIn,
  isReservedRoom,
  isRole,
  isRoom,
  isUserId,
  parseChannelKey,
  parseRoomAddress,
  type RoomAddress,
  type Target,
  wireName,
} from './channel.ts';
export {
  type AppEvent,
  type Envelope,
  type EventData,
  type EventFor,
  type EventMetadata,
  type EventScope,
  type Events,
  isEventType,
  matchesEventType,
  REFRESH_EVENT,
  type ReceivedEvent,
  type RefreshSignal,
} from './event.ts';
export { CONNECTION_HEADER, TENANT_HEADER } from './headers.ts';
export {
  isOperationEvent,
  isTerminal,
  type OperationComplete,
  type OperationError,
  type OperationEventType,
  type OperationProgress,
  type OperationState,
  operationEventProblem,
  operationLabel,
  toPercentage,
} from './operation.ts';
export { CONNECTION_PATH, type FallbackPaths, fallbackPaths } from './paths.ts';
export {
  type Member,
  type MemberList,
  PRESENCE_CALL,
  TYPING_CALL,
  TYPING_EVENT,
  type TypingSignal,
} from './presence.ts';
export {
  describeRealm,
  isRealm,
  isSameRealm,
  isTenantId,
  PLATFORM,
  type Realm,
  tenantRealm,
} from './realm.ts';
