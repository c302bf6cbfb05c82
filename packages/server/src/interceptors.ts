import type { Interceptor } from '@tautline/core'
import { HandlerCall } from './call.ts'
import { isThenable } from './thenable.ts'

/**
 * Runs `perform` inside of all interceptors, the first one outermost, and resolves with what `perform` made.
 *
 * @throws what an interceptor throws, whatever `perform` made; else what `perform` throws, also when it was caught: an
 * interceptor replaces a failure by throwing another one.
 */
export async function intercept(
  interceptors: readonly Interceptor[],
  call: HandlerCall,
  perform: (call: HandlerCall) => unknown,
  index = 0,
): Promise<unknown> {
  const interceptor = interceptors[index]
  if (!interceptor) return perform(call)
  let inner: Promise<unknown> | undefined
  let over = false
  const next = (change?: { readonly context: unknown }): Promise<unknown> => {
    if (inner !== undefined) throw new Error('an interceptor called next() twice')
    if (over) throw new Error('an interceptor called next() after it had returned')
    const changed = change ? HandlerCall.withContext(call, change.context) : call
    inner = intercept(interceptors, changed, perform, index + 1)
    inner.catch(() => undefined) // who does not wait for next() learns of the failure below
    return inner
  }
  try {
    const settled: unknown = interceptor(call, next)
    if (isThenable(settled)) await settled
  } finally {
    over = true
  }
  if (inner === undefined) throw new Error('an interceptor returned without calling next(); to refuse, it must throw')
  return inner
}
