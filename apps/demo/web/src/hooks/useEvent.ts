export { useEvent } from '@trunkline/react';
