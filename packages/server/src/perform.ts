import { type Part, parse, TautlineError } from '@tautline/core'
import type { HandlerCall } from './call.ts'
import type { Failures } from './failures.ts'
import type { ProcedureRoute, StreamRoute, TopicRoute } from './handlers.ts'
import type { Outcomes } from './outcomes.ts'
import { Pulled } from './pulled.ts'
import type { Run } from './run.ts'
import { isThenable } from './thenable.ts'

/** What a performer needs. */
export interface PerformerParts {
  readonly failures: Failures
  readonly outcomes: Outcomes
  readonly validateOutput: boolean
}

/** Asks handlers, and checks what they answer; one method for each thing that a client can ask for. */
export class Performer {
  readonly #parts: PerformerParts

  constructor(parts: PerformerParts) {
    this.#parts = parts
  }

  /** What the handler of that run answers, checked; a promise of it only where something in it is asynchronous. */
  perform(run: Run, call: HandlerCall): unknown {
    if (run.stopped) throw run.stopped
    run.begun = true
    return run.key === undefined ? this.#ask(run, call) : this.#askOnce(run, call)
  }

  /** A failure is kept as its caller is told it: another one is told the same incident. */
  async #askOnce(run: Run, call: HandlerCall): Promise<unknown> {
    const { failures, outcomes } = this.#parts
    try {
      return await outcomes.once(ownerOf(run).join(' '), nameOf(run), run.asked, () => this.#askToKeep(run, call))
    } catch (error) {
      throw failures.final(error)
    }
  }

  async #askToKeep(run: Run, call: HandlerCall): Promise<unknown> {
    const { failures } = this.#parts
    try {
      return await this.#ask(run, call)
    } catch (thrown) {
      if (!run.stopped || (thrown instanceof TautlineError && thrown !== run.stopped)) {
        throw await failures.of(thrown, run.route.entry, true)
      }
      failures.late(thrown, run.route.entry.path)
      throw new TautlineError('UNAVAILABLE', 'the first call with this key was stopped', { mayHaveRun: true })
    }
  }

  #ask(run: Run, call: HandlerCall): unknown {
    const { route } = run
    if (route.kind === 'procedure') return this.#procedure(route, run, call)
    if (route.kind === 'stream') return this.#stream(route, run, call)
    return run.action === 'publish' ? this.#publish(route, run, call) : this.#subscribe(route, run, call)
  }

  #procedure({ entry, handle }: ProcedureRoute, run: Run, call: HandlerCall): unknown {
    const output = handle(run.input, call)
    if (isThenable(output)) return output.then(value => this.#checked(entry.output, value, entry.path))
    return this.#checked(entry.output, output, entry.path)
  }

  async #stream({ entry, handle }: StreamRoute, run: Run, call: HandlerCall): Promise<unknown> {
    const made = await handle(run.input, call)
    if (entry.down === undefined) return this.#checked(entry.result, made, entry.path)
    const items = new Pulled(made, run, this.#parts.failures)
    const result = await run.answer.pump(items, item => this.#checked(entry.down, item, entry.path))
    if (run.stopped) throw run.stopped
    return this.#checked(entry.result, result, entry.path)
  }

  async #publish({ entry, publish }: TopicRoute, run: Run, call: HandlerCall): Promise<unknown> {
    const message = await publish?.(run.input, run.message, call)
    if (run.stopped) throw run.stopped
    const owner = run.caller.local ? undefined : run.session.id
    return run.topics.publishParsed(entry, run.input, message, {
      key: run.key && nameOf(run),
      owner,
    })
  }

  async #subscribe({ entry, subscribe, presence }: TopicRoute, run: Run, call: HandlerCall): Promise<void> {
    await subscribe(run.input, call)
    if (!presence || !entry.presence || run.looksOn) return
    const member = await parseAnswer(entry.presence, await presence(run.input, call), entry.path)
    // Not every validator shows its fields to `contract()`.
    if (typeof member === 'object' && member !== null && Object.hasOwn(member, 'id')) {
      throw new TypeError(`presence of '${entry.path}' may not have a field 'id': every member has that of its session`)
    }
    run.member = member
  }

  /** Where the contract declares nothing, whatever a handler returned is nobody's business. */
  #checked(schema: Part | undefined, value: unknown, path: string): unknown {
    if (schema === undefined) return undefined
    return this.#parts.validateOutput ? parseAnswer(schema, value, path) : value
  }
}

/** Whose call it is. */
function ownerOf({ session }: Run): readonly [kind: string, id: string] {
  return session.identity === undefined ? ['session', session.id] : ['identity', session.identity]
}

/** Whose call of what, with which key. */
function nameOf(run: Run): string {
  return JSON.stringify([...ownerOf(run), run.route.entry.path, run.key])
}

/** What does not fit is the handler's mistake, not its caller's `INVALID_ARGUMENT`. */
function parseAnswer(schema: Part, value: unknown, path: string): unknown {
  try {
    const answer = parse(schema, value, 'it')
    if (!isThenable(answer)) return answer
    return Promise.resolve(answer).catch(error => Promise.reject(misfit(error, path)))
  } catch (error) {
    throw misfit(error, path)
  }
}

function misfit(cause: unknown, path: string): TypeError {
  return new TypeError(`what a handler of '${path}' gave does not fit its schema`, { cause })
}
