import { networkAddress } from './server/listen.ts'
import { start } from './server/start.ts'

const room = await start({ port: Number(process.env.PORT ?? 3_000), built: process.argv.includes('--built') })

// Ctrl-C reaches the whole process group, and npm passes it on once more: the second one changes nothing.
let closing = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (closing) return
    closing = true
    process.stdout.write('  Draining: what is open is finished first.\n')
    void room.close().then(() => process.exit())
  })
}

const phone = networkAddress()
process.stdout.write(`
  Tautline, a live room

  here    http://localhost:${room.port}/
${phone === undefined ? '' : `  phone   http://${phone}:${room.port}/   (on the same network)\n`}
  Open it twice. Ctrl-C drains and stops.

`)
