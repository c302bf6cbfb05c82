/** The only room there is. */
export const HALL = { room: 'hall' }
