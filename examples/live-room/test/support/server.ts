import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../server.ts', import.meta.url))

/** The demo's server in a process of its own, which can be killed. */
export interface RoomServer {
  readonly url: string
  readonly port: number
  /** Everything that it printed. */
  readonly output: () => string
  /** Sends a signal and waits until the process is gone; answers its exit code. */
  readonly end: (signal?: NodeJS.Signals, times?: number) => Promise<number | null>
}

export async function startServer({ port = 0, built = false } = {}): Promise<RoomServer> {
  const args = ['--conditions=@tautline/source', '--import', 'tsx', program, ...(built ? ['--built'] : [])]
  const child = spawn(process.execPath, args, { env: { ...process.env, PORT: String(port) } })
  let output = ''
  const gone = once(child, 'exit')
  const printed = new Promise<string>((resolve, reject) => {
    const read = (text: string): void => {
      output += text
      const [, url] = /here\s+(http:\S+)/.exec(output) ?? []
      if (url !== undefined) resolve(url)
    }
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', read)
    void gone.then(() => reject(new Error(`the server ended: ${output}`)))
  })

  const url = await printed
  return {
    url,
    port: Number(new URL(url).port),
    output: () => output,
    async end(signal = 'SIGKILL', times = 1) {
      for (let time = 0; time < times; time++) child.kill(signal)
      const [code] = await gone
      return code
    },
  }
}
