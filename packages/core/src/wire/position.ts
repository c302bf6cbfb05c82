import type { Position } from './frames.ts'

/**
 * A position as applications see it: an opaque string that may be stored and given back as `since`. `undefined` where a
 * topic retains nothing, and there is none.
 */
export function positionText([epoch, offset]: Position): string | undefined {
  return epoch === null ? undefined : `${offset}.${epoch}`
}

/** The position that {@link positionText} wrote; `undefined` when the text is none. */
export function readPosition(text: string): Position | undefined {
  const dot = text.indexOf('.')
  const offset = Number(text.slice(0, dot))
  if (!/^\d{1,16}\..{1,255}$/s.test(text) || !Number.isSafeInteger(offset)) return undefined
  return [text.slice(dot + 1), offset]
}
