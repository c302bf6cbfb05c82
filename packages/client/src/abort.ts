/** What is to be run when a signal fires: one listener per signal, however many calls share it. */
class Fan extends Set<() => void> {
  readonly fire = (): void => {
    for (const run of [...this]) run()
  }
}

const fans = new WeakMap<AbortSignal, Fan>()

/**
 * Calls `run` when the signal fires.
 *
 * @returns what stops waiting for it; the signal is let go with the last one.
 */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  const fan = fans.get(signal) ?? new Fan()
  if (fan.size === 0) {
    fans.set(signal, fan)
    signal.addEventListener('abort', fan.fire)
  }
  fan.add(run)
  return () => {
    if (fan.delete(run) && fan.size === 0) signal.removeEventListener('abort', fan.fire)
  }
}
