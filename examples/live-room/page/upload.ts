import { safe } from '@tautline/client'
import { TautlineError } from '@tautline/core'
import { byId, element, icon } from './dom.ts'
import { api, ledger } from './live.ts'
import { randomId } from './me.ts'

const CHUNK = 65_536
const NOISE = 8_388_608
/** Larger files are not read a second time to compare their digest. */
const COMPARED = 67_108_864
const AGAIN_MS = 1_000

const chosen = byId('file', HTMLInputElement)
const drop = byId('drop', HTMLLabelElement)
const noise = byId('noise', HTMLButtonElement)
const transfer = byId('transfer', HTMLDivElement)
const progress = byId('progress', HTMLProgressElement)
const percent = byId('file-progress', HTMLSpanElement)
const digest = byId('digest', HTMLParagraphElement)
let current: AbortController | undefined

async function upload(file: File): Promise<void> {
  current?.abort()
  const started = new AbortController()
  current = started
  byId('file-name', HTMLElement).textContent = file.name
  transfer.hidden = false
  digest.className = 'digest'
  digest.textContent = ''
  show(0, file.size)
  const sent = await safe(send(file, started.signal))
  if (current !== started) return
  if (!sent.ok) return fail(sent.error)
  show(file.size, file.size)
  const own = await digestOf(file)
  if (own !== undefined && own !== sent.value) return fail(new TautlineError('DATA_LOSS', 'the digests differ'))
  const verdict = own === undefined ? 'SHA-256 of what arrived' : 'The same SHA-256 here and there'
  digest.classList.add('good')
  digest.replaceChildren(icon('check'), verdict, element('code', '', sent.value))
}

/** A lost session ends an upload; the file is still here, so it begins again. */
async function send(file: File, signal: AbortSignal): Promise<string> {
  for (;;) {
    const id = randomId()
    ledger.begin('uploads', id, 0)
    const stream = api.files.send({ name: file.name, size: file.size }, { up: chunksOf(file), signal })
    try {
      for await (const { seq, received } of stream) {
        ledger.enter('uploads', id, seq)
        show(received, file.size)
      }
      return (await stream.result).sha256
    } catch (thrown) {
      if (TautlineError.from(thrown).code !== 'UNAVAILABLE') throw thrown
      digest.textContent = 'The server was restarted: once more from the beginning.'
      await new Promise(resolve => setTimeout(resolve, AGAIN_MS))
      signal.throwIfAborted()
    }
  }
}

/** Read from the disk only as fast as the server takes them. */
async function* chunksOf(file: File): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < file.size; at += CHUNK) yield new Uint8Array(await file.slice(at, at + CHUNK).arrayBuffer())
}

/** A page without TLS has no digests of its own; then the server's has to be believed. */
async function digestOf(file: File): Promise<string | undefined> {
  if (!globalThis.isSecureContext || file.size > COMPARED) return undefined
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()))
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

function show(received: number, size: number): void {
  progress.value = size === 0 ? 1 : received / size
  percent.textContent = `${megabytes(received)} of ${megabytes(size)} MB`
}

function megabytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1)
}

function fail(error: TautlineError): void {
  digest.classList.add('bad')
  digest.textContent = `Not uploaded: ${error.message}.`
}

function begin(file: File | null | undefined): void {
  if (file) void upload(file)
}

chosen.addEventListener('change', () => {
  begin(chosen.files?.[0])
  chosen.value = ''
})
noise.addEventListener('click', () => {
  const blocks = Array.from({ length: NOISE / CHUNK }, () => crypto.getRandomValues(new Uint8Array(CHUNK)))
  begin(new File(blocks, 'noise.bin'))
})
for (const name of ['dragenter', 'dragover', 'dragleave', 'drop'] as const) {
  drop.addEventListener(name, event => {
    event.preventDefault()
    drop.classList.toggle('over', name === 'dragenter' || name === 'dragover')
    if (name === 'drop') begin(event.dataTransfer?.files[0])
  })
}
