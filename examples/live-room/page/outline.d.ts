/// <reference types="vite/client" />

/** Made by `vite.config.ts` from `contract.ts`. */
declare module 'virtual:outline' {
  import type { Outline } from '@tautline/core'

  const outline: Outline
  export default outline
}
