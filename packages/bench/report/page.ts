import type { Findings } from './findings.ts'
import { machineOf } from './machine.ts'
import { pagesOf } from './pages.ts'
import { standingOf } from './standing.ts'
import { tableOf } from './table.ts'
import { troubleOf } from './trouble.ts'

/** `docs/benchmarks.md`. */
export function pageOf(findings: Findings): string {
  const { measured, growths, pages, rounds, minutes, quick } = findings
  return `# Benchmarks

This page is written by \`npm run bench${quick ? ' -- --quick' : ''}\`; run it and it is written anew, with what your machine says.${failuresOf(findings)}

What an operation costs the **server**, in CPU, as a ratio to a server written by hand on \`ws\` and
\`@msgpack/msgpack\` that checks nothing and sends each message by itself: the floor, 1.00. Less is better.
${rounds > 1 ? 'Below a figure stands what it was at least and at most.\n' : ''}
${tableOf(measured, ['calls1x64', 'calls100x4', 'one', 'four', 'stream', 'connect', 'echo'], true)}

Memory of an idle connection in KiB of the server; latency of a lone call as a ratio to the floor's; bytes over TCP of a
small call, up and down, with all that frames it.

${tableOf(measured, ['memory', 'p50', 'p99', 'up', 'down'], true)}

## Where Tautline stands

${standingOf(measured)}

## When things go wrong

${troubleOf(findings)}

## In the browser

${pagesOf(pages)}

## Growth

Flat is the goal: what others do, and how large things are elsewhere, should not matter to an operation. Each line begins
at 1, which is what the operation costs at the left end of it; the grey one is the floor's, where it knows of such a
thing, and the bars are what it was at least and at most. The last plot is the exception, logarithmic upwards, since larger
values must cost more.

${growths.map(({ name, title }) => `![${title}](benchmarks/${name}.svg)`).join('\n\n')}

## Method

- Each server runs in a process of its own, built, in plain Node, with \`NODE_ENV=production\`, and so does its load; all of them
  share one machine. Cost is \`process.cpuUsage()\` of the server, asked over IPC, by operations that came back to the
  load: user and system time, with garbage collection and compilation.
- ${rounds === 1 ? 'One round' : `${rounds} rounds, in each of which every server is started afresh; the figures are medians over rounds`}. Within a round the servers
  take turns at each operation: ${quick ? 'one' : 'six turns of a part of a second'} each, to and fro, since a machine has its moods; the median of its turns is what a
  server is said to cost. Ratios are taken within a round, never between runs.
- Before a server is measured, one of each operation is looked at: it must return what it should. While it is measured,
  everything that was asked must come back, once: each call, all items of each stream, each publication at each subscriber,
  each goodbye. A connection that breaks, and a server that ends, is a failure, which this page would tell of.
- A server is measured when it is warm: after ${quick ? '20,000' : '200,000'} calls or items, or as many
  as it does in ${quick ? '10.3' : '11'} s, and at least ${quick ? '0.3' : '1'} s of them; after ${quick ? '150' : '6,000'} connections, as many publications and lone calls as are measured, and, of
  echoes, after 20,000 calls and ${quick ? '100' : '1,000'} of them. Each turn begins with a few more.
- The load speaks each wire by hand, the same way that the peer's own client does (Tautline's and tRPC's send what is
  asked in one tick together, the others do not), so that no client library is in the way.
- *Calls*: so many connections with so many calls in flight on each; two short strings up, three down. *Fan-out*: one topic
  with 1,000 subscribers, one publication at a time or four in one tick, until all have arrived. *Stream items*: eight
  connections, one stream after another of 1,000 items out of an async generator. *Connect*: connection, first call, goodbye.
  *Echo*: 1 KiB less than 1 MiB of binary, there and back, while the server holds 200,000 objects more (some 20 MB), as an
  application does, and has once held 16 MB in one piece (after which the C library keeps memory for the next message, rather than
  give it back and ask for it again). In an empty one it would tell of V8 instead, which never marks what lives in up to 8 MB, but does so
  every few echoes between 8 and 12: with 2 MB more, the floor takes 1.6 times as long. The server is a new one: after
  much other work the floor was seen to take three times as long, and so was Tautline. Most of an echo is one loop of \`ws\`,
  which takes the mask off; what the compiler makes of it differs from one process to the next, so that ${quick ? 'one is' : 'two are'} measured one
  after the other.
- *Memory* is what the process holds in all (RSS, after a garbage collection), of 3,000 connections that are made beside
  1,000 others, and do nothing. The server has used 20 MB and 16 MB in one piece and given them back before, five times: else the room that V8 takes
  for new objects, once and for good, would be counted among the connections (for all of them some 3 KiB more).
- Handlers are the same plain functions everywhere, and synchronous.

| | how it is set up |
|---|---|
${[...measured.keys()].map(({ name, note }) => `| ${name} | ${note} |`).join('\n')}

Not here: **uWebSockets.js**, which npm does not have (it is installed from GitHub, as machine code that was built
elsewhere), and **river**, of which the registry that this was written with had nothing newer than 0.17, hundreds of
releases old.

How much of a core the server needed, and how much the load beside it. Where the load needs all of a core it is the load that
says how fast things go, and the server waits for it: its messages then meet less often in one tick.

${tableOf(measured, ['busy1x64', 'load1x64', 'busy100x4', 'load100x4', 'busyStream', 'loadStream'])}

## Limits of all this

- Small numbers of rounds on a shared machine: differences of a tenth mean nothing, and p99 is mostly the machine's.
- On loopback the kernel's share of a message is what it is; on a real network it is another.
- The load is a closed loop beside the server: how fast it is decides how many messages meet in one tick, and so how much
  merging is worth. Ratios of different machines differ for that reason first.
- Real handlers do something. What a database takes dwarfs every figure here.

## Machine and versions

${machineOf(minutes)}
`
}

function failuresOf({ failures }: Findings): string {
  if (failures.length === 0) return ''
  return `\n\n**Not all could be measured:**\n\n${failures.map(failure => `- ${failure}`).join('\n')}`
}
