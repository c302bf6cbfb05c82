/** Runs Vite's dev server as its command line would, with the config that is named, and says where Tautline is. */
import { dirname } from 'node:path'
import { createServer } from 'vite'

const [, , configFile = ''] = process.argv
const vite = await createServer({
  configFile,
  configLoader: 'native',
  root: dirname(configFile),
  logLevel: 'error',
  server: { port: 0, host: 'localhost' },
})
await vite.listen()
const address = vite.httpServer?.address()
if (typeof address === 'object') process.stdout.write(`ws://localhost:${address?.port}/live\n`)
