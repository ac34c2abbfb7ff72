/** Processes that the bench started: they end with it. */
import type { ChildProcess } from 'node:child_process'

const ends = new Map<ChildProcess, () => void>()
process.once('exit', () => {
  for (const end of ends.values()) end()
})

/** Ends a process with the bench by `end`, which may not wait; SIGTERM where none is given. Nothing is done once the process has ended. */
export function endWithBench(child: ChildProcess, end: () => void = () => child.kill('SIGTERM')): void {
  ends.set(child, end)
  child.once('exit', () => ends.delete(child))
}
