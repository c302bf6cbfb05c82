/** At most so many UTF-16 units, and never half a surrogate pair, which could not be encoded. */
export function shorten(text: string, length: number): string {
  const short = text.length <= length ? text : `${text.slice(0, length - 1)}…`
  return short.replace(/\p{Surrogate}/gu, '\uFFFD')
}
