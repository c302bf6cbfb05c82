import { TautlineError } from '@tautline/core'
import { encodeValue, Longest } from '@tautline/core/wire'
import { refusalOf } from './check.ts'
import type { TokenSource } from './options.ts'

/**
 * Asks the application for a token, `undefined` when it has none.
 *
 * @throws {@link TautlineError} what the source threw, or `INVALID_ARGUMENT` for what is no token
 */
export async function askForToken(source: TokenSource): Promise<string | undefined> {
  try {
    const token = (await source()) ?? undefined
    if (token !== undefined && (typeof token !== 'string' || token.length > Longest.token)) {
      throw new TautlineError('INVALID_ARGUMENT', `a token is a string of at most ${Longest.token} characters`)
    }
    encodeValue(token)
    return token
  } catch (thrown) {
    throw refusalOf(thrown)
  }
}
