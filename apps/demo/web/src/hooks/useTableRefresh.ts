export { useTableRefresh } from '@trunkline/react';
