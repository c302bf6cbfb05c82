/** With this header, a message takes the place of all that its subject has. */
export const ROLLUP = 'Nats-Rollup'
export const OF_SUBJECT = 'sub'
