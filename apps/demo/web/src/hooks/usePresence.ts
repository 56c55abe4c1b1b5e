export { usePresence } from '@trunkline/react';
