export { attachWith } from './attach.ts';
export { SlowBroker, type SlowBrokerOptions } from './broker/slow.ts';
export { Session, type SessionInit } from './session.ts';
