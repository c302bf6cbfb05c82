type Target = Pick<EventTarget, 'addEventListener' | 'removeEventListener'>

/** Whether the platform knows that there is no network. It may be wrong, and `false` proves nothing. */
export function isOffline(): boolean {
  return (globalThis as { navigator?: { onLine?: boolean } }).navigator?.onLine === false
}

/**
 * Calls `onChange` whenever the network or the page may have changed under the connection: back online, gone offline,
 * visible again, out of the page cache, out of a freeze. Nothing where the platform tells none of it.
 *
 * @returns what stops it.
 */
export function listenForWake(onChange: () => void): () => void {
  const { document } = globalThis as { document?: Document }
  const onVisible = (): void => {
    if (document?.visibilityState !== 'hidden') onChange()
  }
  const targets: [Target | undefined, string, () => void][] = [
    [globalThis, 'online', onChange],
    [globalThis, 'offline', onChange],
    [globalThis, 'pageshow', onChange],
    [document, 'visibilitychange', onVisible],
    [document, 'resume', onChange],
  ]
  for (const [target, name, listener] of targets) target?.addEventListener?.(name, listener)
  return () => {
    for (const [target, name, listener] of targets) target?.removeEventListener?.(name, listener)
  }
}
