/** A value that cannot be sent as it is; the message says why. */
export class EncodeError extends TypeError {
  override readonly name = 'EncodeError'

  constructor(what: string, options?: ErrorOptions) {
    super(`cannot be sent: ${what}`, options)
  }
}

/**
 * A value that was encoded before. It may stand for any field of a frame, so that a publication is encoded once and
 * framed many times.
 */
export class Encoded {
  /** The value in MessagePack, in memory of its own. Not to be changed. */
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}
