export { useWebSocket } from '@trunkline/react';
