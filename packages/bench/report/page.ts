import { readFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Row } from '../measure/all.ts'
import type { Growth } from '../measure/growth.ts'
import type { Recovery } from '../measure/recover.ts'
import type { Slow } from '../measure/slow.ts'
import type { Subject } from '../subjects.ts'
import { figureOf, tableOf } from './table.ts'

/** Everything that was found out. */
export interface Findings {
  readonly measured: ReadonlyMap<Subject, readonly Row[]>
  readonly slow: ReadonlyMap<Subject, Slow>
  readonly recovery: Recovery
  readonly growths: readonly Growth[]
  readonly rounds: number
  readonly quick: boolean
}

type Figure = readonly [what: string, column: keyof Row, ship: number]

/** What Tautline shall cost at most, as a ratio to the floor. */
const SHIP: readonly Figure[] = [
  ['calls, 1 × 64', 'calls1x64', 0.45],
  ['calls, 100 × 4', 'calls100x4', 0.65],
  ['fan-out, one publication at a time', 'one', 1],
  ['fan-out, four at a time', 'four', 0.55],
  ['stream items', 'stream', 0.35],
  ['connect and first call', 'connect', 1.4],
  ['latency of a lone call, p50', 'p50', 1.15],
  ['1 MiB binary echo', 'echo', 1.1],
]

/** `docs/benchmarks.md`. */
export function pageOf(findings: Findings): string {
  const { measured, slow, recovery, growths, rounds, quick } = findings
  return `# Benchmarks

This page is written by \`npm run bench\`${quick ? ' -- --quick' : ''}; run it and it is written anew, with what your machine says.

What an operation costs the **server**, in CPU, as a ratio to a server written by hand on \`ws\` and
\`@msgpack/msgpack\` that checks nothing and sends each message by itself: the floor, 1.00. Less is better.

${tableOf(measured, ['calls1x64', 'calls100x4', 'one', 'four', 'stream', 'connect', 'echo'])}

Memory of an idle connection in KiB of the server; latency of a lone call as a ratio to the floor's; bytes over TCP of a
small call, up and down.

${tableOf(measured, ['memory', 'p50', 'p99', 'up', 'down'])}

## Where Tautline stands

| | shall be at most | is |
|---|--:|--:|
${SHIP.map(each => standing(measured, each)).join('\n')}
${memoryStanding(measured)}

## When things go wrong

${slowOf(slow)}

**A crash.** ${recovery.clients.toLocaleString('en')} clients follow a topic, the server is killed with \`SIGKILL\` and another one is started in its
place, which listened ${seconds(recovery.restarted)} after the crash. Half of the clients were back and told where they stand ${seconds(recovery.p50)}
after the crash, 99 % of them after ${seconds(recovery.p99)}. Some of it is on purpose: clients spread their first try over two
seconds, so that they do not all arrive at once. All of them live in one process here, beside the server, and whoever
tried before it listened waits a little longer.

## Growth

Flat is the goal: what others do, and how large things are elsewhere, should not matter to an operation. The last plot is
the exception, logarithmic upwards, since larger values must cost more.

${growths.map(({ name, title }) => `![${title}](benchmarks/${name}.svg)`).join('\n\n')}

## Method

- Each server runs in a process of its own, built, in plain Node, with \`NODE_ENV=production\`; the load and the servers
  share one machine. Cost is \`process.cpuUsage()\` of the server, asked over IPC, by operations that came back to the
  load: user and system time, with garbage collection and compilation.
- ${rounds === 1 ? 'One round' : `${rounds} rounds, in each of which every server is started afresh, one after another; the figures are medians over rounds`}.
  Ratios are taken within a round, never between runs.
- The load speaks each wire by hand, the same way that the peer's own client does (Tautline's and tRPC's send what is
  asked in one tick together, the others do not), so that no client library is in the way.
- *Calls*: so many connections with so many calls in flight on each; two short strings up, three down. *Fan-out*: one topic
  with 1,000 subscribers, one publication at a time or four in one tick, until all have arrived. *Stream items*: eight
  connections, one stream after another of 1,000 items out of an async generator. *Connect*: connection, first call, goodbye.
  *Echo*: 1 KiB less than 1 MiB of binary, there and back.
- Handlers are the same plain functions everywhere, and synchronous.

| | how it is set up |
|---|---|
${[...measured.keys()].map(({ name, note }) => `| ${name} | ${note} |`).join('\n')}

## Limits of all this

- Small numbers of rounds on a shared machine: differences of a tenth mean nothing, and p99 is mostly the machine's.
- On loopback the kernel's share of a message is what it is; on a real network it is another.
- The load is a closed loop beside the server: how fast it is decides how many messages meet in one tick, and so how much
  merging is worth. Ratios of different machines differ for that reason first.
- Real handlers do something. What a database takes dwarfs every figure here.

## Machine and versions

${cpus().length} cores of ${cpus()[0]?.model.trim() ?? 'an unknown kind'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.versions.node}.
${versions()}.

The load average over the last 15 minutes was ${(loadavg()[2] ?? 0).toFixed(1)}. The bench itself keeps it at about 2; where it is well above, others
were at work on this machine too, and figures scatter by a third and more.
`
}

function standing(measured: Findings['measured'], [what, column, ship]: Figure): string {
  return `| ${what} | ${ship.toFixed(2)} | ${figureOf(measured, 'Tautline', column).toFixed(2)} |`
}

function memoryStanding(measured: Findings['measured']): string {
  const over = (figureOf(measured, 'Tautline', 'memory') - figureOf(measured, 'floor', 'memory')) / 1_024
  return `| memory of an idle connection, beyond the floor's | 6 KiB | ${over.toFixed(1)} KiB |`
}

function slowOf(slow: Findings['slow']): string {
  const lines = [...slow].map(
    ([{ name }, { cpu, memory }]) => `| ${name} | ${cpu.toFixed(2)} | ${Math.max(0, memory / 1_048_576).toFixed(1)} |`,
  )
  return `**Slow readers.** 200 readers of a topic with messages of 16 KiB, of whom a tenth stops reading: CPU per delivery to the
others, as a ratio to what it is when all read, and by how many MiB the server grows for each who does not.

| | CPU per delivery | MiB per slow reader |
|---|--:|--:|
${lines.join('\n')}`
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

function versions(): string {
  const path = fileURLToPath(new URL('../../package.json', import.meta.url))
  const { dependencies } = JSON.parse(readFileSync(path, 'utf8')) as { dependencies: Record<string, string> }
  return Object.entries(dependencies)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')
}
