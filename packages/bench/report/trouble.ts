import type { Recovery } from '../measure/recover.ts'
import { FLOOR } from '../subjects.ts'
import type { Findings } from './findings.ts'
import { spreadOf } from './table.ts'

/** What things cost when they go wrong. */
export function troubleOf({ slow, recoveries, measured }: Findings): string {
  const floors = [...measured].find(([subject]) => subject === FLOOR)?.[1] ?? []
  const connect = spreadOf(floors.map(row => row.connect ?? Number.NaN)).median
  return [slow.size > 0 ? slowOf(slow) : '', recoveriesOf(recoveries, connect)].filter(part => part !== '').join('\n\n')
}

function slowOf(slow: Findings['slow']): string {
  const lines = [...slow].map(
    ([{ name }, { cpu, memory }]) => `| ${name} | ${cpu.toFixed(2)} | ${Math.max(0, memory / 1_048_576).toFixed(1)} |`,
  )
  return `**Slow readers.** 200 readers of a topic with messages of 16 KiB, of whom a tenth stops reading: CPU per delivery to the
others, as a ratio to what it is when all read, and by how many MiB the server grows for each who does not. Who keeps
everything for them grows as long as this goes on.

| | CPU per delivery | MiB per slow reader |
|---|--:|--:|
${lines.join('\n')}`
}

function recoveriesOf({ cut, crash }: Findings['recoveries'], connect: number): string {
  const rows = [
    ...(cut ? [['all sockets cut', cut] as const] : []),
    ...(crash ? [['server killed, and started anew', crash] as const] : []),
  ]
  if (rows.length === 0) return ''
  const clients = Math.max(...rows.map(([, recovery]) => recovery.clients)).toLocaleString('en')
  return `**A crowd comes back.** ${clients} clients, real ones in processes of their own, follow a topic. Once all of their sockets are cut at the same
moment: each comes back, and hears the five messages that were published while nobody was connected. Once the
server is killed with \`SIGKILL\` and another started in its place: its memory died with it, so each is told of a gap.
Seconds since the cut or the crash until the server listened, and until so many clients were back and knew where they
stand; CPU for each client, of the server and of the client itself, as a ratio to what the floor needs for a
connection and a first call. Two of the seconds are on purpose: clients spread their first try over them, and who
finds nobody listening, or the door crowded, waits longer before the next.

| | listens | half | 99 % | all | told of a gap | CPU, server | CPU, client |
|---|--:|--:|--:|--:|--:|--:|--:|
${rows.map(([what, recovery]) => recoveryLine(what, recovery, connect)).join('\n')}`
}

function recoveryLine(what: string, recovery: Recovery, connect: number): string {
  const { listening, p50, p99, all, gaps, server, client } = recovery
  const cells = [
    listening > 0 ? seconds(listening) : '–',
    ...[p50, p99, all].map(seconds),
    gaps === 0 ? 'none' : gaps.toLocaleString('en'),
    ...[server, client].map(cpu => (Number.isNaN(connect) ? `${cpu.toFixed(0)} µs` : (cpu / connect).toFixed(2))),
  ]
  return `| ${what} | ${cells.join(' | ')} |`
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
