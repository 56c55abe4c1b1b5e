/** The tenant of the healthy, who hear everything that is published to all in it. */
export const CALM = 'calm';

/** Fifty healthy clients beside each attack. */
export const CALM_COUNT = 50;
