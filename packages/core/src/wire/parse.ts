import type { Frame, Side } from './frames.ts'
import { parseFromClient } from './parse-client.ts'
import { parseFromServer } from './parse-server.ts'

export { headersProblem, LARGEST_WINDOW, Longest, parsePosition } from './fields.ts'
export { parseFromClient } from './parse-client.ts'
export { parseFromServer } from './parse-server.ts'

/**
 * Checks the shape of a decoded frame: its direction, and the type, range and length of each field. Extra fields are
 * ignored; `undefined`, nil and absence are one; of a map only the keys that are known are read. Whether the frame fits
 * the state (is this id new? is it within a limit?) is for the caller.
 *
 * @param frame - what stands in a message, decoded
 * @param from - who sent it
 * @returns the frame, or `undefined` when its type is unknown, which is to be ignored
 * @throws {@link ProtocolError} with code 4500 when anything is wrong
 */
export function parseFrame(frame: readonly unknown[], from: Side): Frame | undefined {
  return from === 'client' ? parseFromClient(frame) : parseFromServer(frame)
}
