import { type HelloFields, pipe } from '@tautline/core/wire'
import { VirtualClock } from '../../../testing/src/clock.ts'
import type { UpgradeRequest } from '../../src/arrival.ts'
import type { ServeOptions } from '../../src/options.ts'
import { HandClient } from './hand-client.ts'
import { type House, open } from './house.ts'

/** A server in virtual time, whose sockets are in memory. */
export class Serving implements House {
  readonly clock: VirtualClock
  readonly server: House['server']
  readonly errors: House['errors']
  readonly waiting: House['waiting']
  readonly stopped: House['stopped']

  private constructor(clock: VirtualClock, { server, errors, waiting, stopped }: House) {
    this.clock = clock
    this.server = server
    this.errors = errors
    this.waiting = waiting
    this.stopped = stopped
  }

  static async start(options: Partial<ServeOptions<unknown>> = {}): Promise<Serving> {
    const clock = new VirtualClock()
    return new Serving(clock, await open({ clock, ...options }))
  }

  /** A client whose socket is open and that has said nothing. */
  dial(request?: UpgradeRequest): HandClient {
    const [near, far] = pipe(this.clock)
    this.server.accept(far, request)
    return new HandClient(near)
  }

  /** A client that was welcomed, or turned away. */
  async join(hello: HelloFields = { token: 'ada' }, request?: UpgradeRequest): Promise<HandClient> {
    const client = this.dial(request)
    client.hello(hello)
    await this.clock.settle()
    return client
  }

  /** Another socket for the session of `client`. */
  back(client: HandClient, attempt = 1, token = 'ada', received = client.received): Promise<HandClient> {
    return this.join({ token, session: [client.welcome?.session ?? '', received, attempt] })
  }

  /** Closes the server, and says how many timers are left. */
  async end(): Promise<number> {
    const closed = this.server.close({ withinMs: 0 })
    await this.clock.settle()
    await closed
    return this.clock.pending
  }
}
