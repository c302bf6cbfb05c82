import { type Authenticate, TautlineError } from '@tautline/server'
import { Visitor } from '../contract.ts'

/** No login: whoever comes says who they are. Only the room's own guests are scripted. */
export const authenticate: Authenticate<Visitor> = ({ token }) => {
  const { success, data } = Visitor.omit({ scripted: true }).safeParse(parsed(token))
  if (!success) throw new TautlineError('UNAUTHENTICATED', 'a visitor has an id, a name and a hue')
  return { context: data, identity: data.id }
}

function parsed(token: string | undefined): unknown {
  try {
    return JSON.parse(token ?? '')
  } catch {
    return undefined
  }
}
