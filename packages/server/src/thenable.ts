/** Whether a value must be awaited. Asked first, since awaiting what is there already costs a turn of the loop. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
