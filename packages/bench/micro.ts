/**
 * What the hot paths cost by themselves, in this process: `npm run bench -- --micro`. For whoever changes one of them;
 * what an operation costs a server is for the bench.
 */
import { run } from 'mitata'
import { benchCodec } from './micro/codec.ts'
import { benchDispatch } from './micro/dispatch.ts'
import { benchNames } from './micro/names.ts'

benchCodec()
benchNames()
benchDispatch()
await run()
