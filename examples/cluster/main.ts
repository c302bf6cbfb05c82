import { start } from './run/start.ts'

const running = await start({ port: Number(process.env['PORT'] ?? 3_000) }).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})

// Ctrl-C reaches the whole process group, and npm passes it on once more: the second one changes nothing.
let closing = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (closing) return
    closing = true
    process.stdout.write('  Draining: what is open is finished first.\n')
    void running.close().then(() => process.exit())
  })
}

process.stdout.write(`
  Tautline, two servers and one Redis

  here    http://localhost:${running.port}/

  Open it twice, and kill a server. Ctrl-C drains and stops.

`)
