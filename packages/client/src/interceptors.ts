import type { AnyEntry } from '@tautline/core'

/** What an interceptor sees of a call, a stream, a publish or a subscription. */
export interface ClientCall {
  /** The entry of the contract; its `meta` is for interceptors. */
  readonly entry: AnyEntry
  readonly action: 'call' | 'publish' | 'subscribe'
  /** The input, or the params of a topic, as given. */
  readonly input: unknown
  /** The strings that go along; those of a publish and of a subscription stay here. */
  readonly headers: Readonly<Record<string, string>>
  /** The caller's own, if there is one. */
  readonly signal: AbortSignal | undefined
}

/**
 * Wraps every call, stream, publish and subscription. Throwing refuses, before anything is sent; `next()` goes on and
 * resolves when the whole exchange is over (for a subscription: when the server has let it in), `next({ headers })` goes
 * on with more headers. `next` may be called once. What an
 * interceptor returns is not looked at. The call's deadline and signal hold whatever an interceptor does.
 */
export type ClientInterceptor = (
  call: ClientCall,
  next: (change?: { readonly headers: Readonly<Record<string, string>> }) => Promise<unknown>,
) => unknown

/**
 * Runs `perform` inside of all interceptors, and resolves with what it made.
 *
 * @throws what an interceptor throws, whatever `perform` made; else what `perform` throws, also when it was caught.
 */
export async function intercept(
  interceptors: readonly ClientInterceptor[],
  call: ClientCall,
  perform: (call: ClientCall) => Promise<unknown>,
  index = 0,
): Promise<unknown> {
  const interceptor = interceptors[index]
  if (!interceptor) return perform(call)
  let inner: Promise<unknown> | undefined
  let state: 'open' | 'called' | 'returned' = 'open'
  const next: Parameters<ClientInterceptor>[1] = change => {
    if (state === 'called') throw new Error('an interceptor called next() twice')
    if (state === 'returned') throw new Error('an interceptor called next() after it had returned')
    state = 'called'
    inner = intercept(interceptors, { ...call, headers: { ...call.headers, ...change?.headers } }, perform, index + 1)
    inner.catch(() => undefined) // who does not wait for next() learns of the failure below
    return inner
  }
  try {
    await interceptor(call, next)
  } finally {
    state = 'returned'
  }
  if (!inner) throw new Error('an interceptor returned without calling next(); to refuse, it must throw')
  return inner
}
