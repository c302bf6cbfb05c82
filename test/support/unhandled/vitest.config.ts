import { defineConfig } from 'vitest/config'
import ours from '../../../vitest.config.ts'

/** As our tests run, but for one that is to fail. */
const { projects: _, ...test } = ours.test ?? {}

export default defineConfig({ ...ours, test: { ...test, include: ['*.case.ts'] } })
