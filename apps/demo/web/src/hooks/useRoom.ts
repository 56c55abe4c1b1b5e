export { useRoom } from '@trunkline/react';
