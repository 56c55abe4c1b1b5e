import type { OperationAudience } from '@trunkline/contract';

/** Who hears of an operation, beside its owner: the admins of its realm, who may see it anyway. */
export const ADMINS: OperationAudience = { roles: ['admins'] };
