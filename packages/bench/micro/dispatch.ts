import { contract, procedure } from '@tautline/core'
import { createCaller } from '@tautline/server'
import { bench, do_not_optimize, group } from 'mitata'
import { Message, Post } from '../servers/schemas.ts'
import { POST, post } from '../work.ts'

/** A call from input to answer, validated both ways, without any wire. */
export function benchDispatch(): void {
  const chat = contract({ post: procedure({ input: Post, output: Message }) })
  const options = { context: {}, handlers: { post } }
  const plain = createCaller(chat, options)
  const intercepted = createCaller(chat, { ...options, interceptors: [(_, next) => next()] })

  group('a call in this process', () => {
    bench('by itself', async () => do_not_optimize(await plain.post(POST)))
    bench('through an interceptor', async () => do_not_optimize(await intercepted.post(POST)))
  })
}
