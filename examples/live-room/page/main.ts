import './status.ts'
import './name.ts'
import './people.ts'
import './chat.ts'
import './comments.ts'
import './cursors.ts'
import './line.ts'
import './assistant.ts'
import './upload.ts'

// Vite reloads a page when its server comes back. This one goes on where it was.
import.meta.hot?.on('vite:ws:disconnect', () => new Promise<void>(() => undefined))
