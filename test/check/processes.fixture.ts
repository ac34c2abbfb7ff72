/** Whether a process of a test is still there. */
import { spawnSync } from 'node:child_process'

/** False too for one that has ended and that the system's first process has not collected yet. */
export function isRunning(pid: number): boolean {
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim()
  return state !== '' && !state.startsWith('Z')
}
