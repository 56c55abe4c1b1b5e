export { useCall } from '@trunkline/react';
