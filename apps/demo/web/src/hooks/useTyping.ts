export { useTyping } from '@trunkline/react';
