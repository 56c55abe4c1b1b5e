export { useOperations } from '@trunkline/react';
