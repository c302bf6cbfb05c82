import './here.ts'
import './servers.ts'
import './beats.ts'
import './notes.ts'
import { connection } from './live.ts'

// Gaps, refusals and listeners that throw: whatever nobody else here takes care of.
connection.on('error', error => console.error(error))
