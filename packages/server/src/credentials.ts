import { channelKey, type Realm } from '@trunkline/contract';
import { actingAsOf, type Principal } from './principal.ts';

/** Whose connections: a user of a realm. */
export interface UserAddress {
  readonly realm: Realm;
  readonly userId: string;
}

/** What a principal goes by: whose revocation ends it, and when it was issued. */
interface Credential {
  readonly subjects: readonly string[];
  readonly issuedAt: number | undefined;
}

/** A user's key in the broker: the one of the channel that is theirs alone. */
export function subjectOf({ realm, userId }: UserAddress): string {
  if (userId === '') throw new TypeError('An anonymous user is nobody in particular');
  return channelKey({ realm, target: { kind: 'user', userId } });
}

/** The key in the broker of everybody in a realm. */
export function subjectOfRealm(realm: Realm): string {
  return channelKey({ realm, target: { kind: 'all' } });
}

/** A principal's own, and of a support view the staff's, too. */
export function credentialsOf(principal: Principal): Credential[] {
  const { issuedAt } = principal;
  const own = { subjects: subjectsOf(principal), issuedAt };
  const staff = actingAsOf(principal);
  return staff
    ? [own, { subjects: subjectsOf(staff), issuedAt: staff.issuedAt ?? issuedAt }]
    : [own];
}

/** Does a principal go by something that was issued to this subject up to that moment? */
export function isIssuedBy(principal: Principal, subject: string, at: number): boolean {
  return credentialsOf(principal).some(
    ({ subjects, issuedAt = Infinity }) => subjects.includes(subject) && issuedAt <= at,
  );
}

/** Was all that a principal goes by of this subject's issued after that moment? Of what does not say so: no. */
export function isIssuedAfter(principal: Principal, subject: string, at: number): boolean {
  return credentialsOf(principal).every(
    ({ subjects, issuedAt = -Infinity }) => !subjects.includes(subject) || issuedAt > at,
  );
}

function subjectsOf(user: UserAddress): string[] {
  return [subjectOfRealm(user.realm), ...(user.userId === '' ? [] : [subjectOf(user)])];
}
