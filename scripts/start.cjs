// CommonJS and plain syntax on purpose: the old Node that this file turns away must be able to read it.
const needed = [20, 19]
const have = process.versions.node.split('.').map(Number)

if (have[0] < needed[0] || (have[0] === needed[0] && have[1] < needed[1])) {
  process.stderr.write(`Tautline needs Node ${needed.join('.')} or newer; this is ${process.versions.node}.\n`)
  process.exit(1)
}

const { spawn } = require('node:child_process')
const { join } = require('node:path')

const demo = join(__dirname, '..', 'examples', 'live-room', 'server.ts')
const args = ['--conditions=@tautline/source', '--import', 'tsx', demo, ...process.argv.slice(2)]
const child = spawn(process.execPath, args, { stdio: 'inherit' })
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']

// The child decides when a signal ends it (it drains first); this process only passes it on and waits.
const pass = signal => child.kill(signal)
for (const signal of signals) process.on(signal, pass)

child.on('exit', (code, signal) => {
  for (const name of signals) process.removeListener(name, pass)
  if (signal) process.kill(process.pid, signal)
  else process.exit(code)
})
