import outline from 'virtual:outline'
import { connect } from '@tautline/client'
import type { Live } from '../contract.ts'
import { Ledger } from './ledger.ts'
import { lineKey, me } from './me.ts'

/** The server, as if it were here. */
export const { api, connection } = connect<Live>(outline, {
  url: `/live?line=${lineKey}`,
  token: () => JSON.stringify({ id: me.id, name: me.name, hue: me.hue }),
})

/** What reached this page over Tautline. */
export const ledger = new Ledger()

/** How much this page has said that was accepted. */
export const sent = { count: 0 }
