import type { Failures } from './failures.ts'
import { isThenable } from './thenable.ts'

/** Runs a callback of the application. Whatever it throws, now or later, goes to `onError` and nowhere else. */
export function guard(failures: Failures, where: string, callback: () => unknown): void {
  try {
    const answer = callback()
    if (isThenable(answer)) answer.then(undefined, error => failures.report(error, where))
  } catch (error) {
    failures.report(error, where)
  }
}
