import outline from 'virtual:outline'
import { connect } from '@tautline/client'
import type { Cluster } from '../contract.ts'

/** Who this tab is: a name that nobody else has, mostly. */
export const me = `Tab ${Math.random().toString(36).slice(2, 5).toUpperCase()}`

/** Some server, as if it were here. */
export const { api, connection } = connect<Cluster>(outline, { url: '/live', token: () => me })
