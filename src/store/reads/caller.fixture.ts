/** A caller that can leave, for tests. */
import type { Caller } from './caller.ts'

export function leavingCaller(key: string): Caller & { over: boolean; leave(): void } {
  const leaving = new Set<() => void>()
  return {
    key,
    over: false,
    onLeave: (then) => {
      leaving.add(then)
      return () => leaving.delete(then)
    },
    leave: () => leaving.forEach((then) => then()),
  }
}
