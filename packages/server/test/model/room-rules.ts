import type { RoomRules } from '@trunkline/server';

/** The rules of the rooms that scenarios are about; `authorize` gives each answer in its own time. */
export function roomRules(authorize: (answer: boolean) => Promise<boolean>): RoomRules {
  return {
    'chat:*': {
      authorize: () => authorize(true),
      presence: true,
      publish: 'members',
      payload: 'json',
      delta: true,
    },
    'fleeting:*': { authorize: () => authorize(true), history: false, delta: true },
    'ops:*': { authorize: ({ roles }) => authorize(roles.includes('admins')) },
    'team:*': {},
  };
}
