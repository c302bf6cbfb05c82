import { type Clock, systemClock } from '@tautline/core/wire'

let waiting: (() => void)[] = []

/**
 * The machine's clock, which waits for the end of a tick once, for however many sessions have something to send then: a
 * publication makes thousands of them wait.
 */
export const serverClock: Clock = {
  ...systemClock,
  defer(run) {
    if (waiting.push(run) === 1) systemClock.defer(runAll)
  },
}

function runAll(): void {
  const due = waiting
  waiting = []
  let done = 0
  try {
    for (const run of due) {
      done += 1
      run()
    }
  } finally {
    // Where one throws and the process lives on, the others still have their turn.
    for (const run of due.slice(done)) serverClock.defer(run)
  }
}
