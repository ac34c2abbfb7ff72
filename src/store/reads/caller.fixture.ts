/** A caller that can leave, for tests. */
import type { Caller } from './caller.ts'

export function leavingCaller(key: string): Caller & { over: boolean; leave(): void } {
  const leaving = new Set<() => void>()
  let left = false
  return {
    key,
    over: false,
    get left() {
      return left
    },
    onLeave: (then) => {
      leaving.add(then)
      return () => leaving.delete(then)
    },
    leave: () => {
      left = true
      leaving.forEach((then) => then())
    },
  }
}
