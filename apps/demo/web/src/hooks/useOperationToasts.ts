export { useOperationToasts } from '@trunkline/react';
