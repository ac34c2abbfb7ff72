/** Processes of this machine that outlive us: known by pid and start time, since pids are used again. */
import { execFile } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { ifGone, whileAlive } from '../../../contract/absence/absent.ts'

const run = promisify(execFile)

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessRef {
  readonly pid: number
  /** The system's own text for the moment it started. */
  readonly start: string
}

/** When a process started; undefined when there is none, or only its remains wait to be collected. */
export async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform !== 'linux') return startFromPs(pid)
  const fields = await statOf(pid)
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

/** What Linux tells of a process behind its name, from its state on; one empty text when it is gone. */
async function statOf(pid: number): Promise<string[]> {
  const stat = (await whileAlive(readFile(`/proc/${pid}/stat`, 'latin1'))) ?? ''
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** Ticks of CPU in a second, as the system tells them to programs; on Linux always the same. */
const TICKS = 100

/** CPU seconds of all marked processes and of the ended children that they waited for. Linux only; else 0. */
export async function cpuOfMarked(name: string, value: string): Promise<number> {
  const pids = await marked(name, value)
  const ticks = await Promise.all(
    pids.map(async (pid) => {
      const fields = await statOf(pid)
      return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
    }),
  )
  return ticks.reduce((sum, one) => sum + one, 0) / TICKS
}

/** True while the same process lives. */
export async function isAlive(ref: ProcessRef): Promise<boolean> {
  return (await startOf(ref.pid)) === ref.start
}

/** Signals a process if it is still the same one. */
export async function signal(ref: ProcessRef, name: NodeJS.Signals): Promise<void> {
  if (await isAlive(ref)) send(ref.pid, name)
}

/** Pids of all processes whose environment holds `NAME=value`, whatever session they are in. Linux only; else none. */
export async function marked(name: string, value: string): Promise<number[]> {
  if (process.platform !== 'linux') return []
  const mark = Buffer.from(`${name}=${value}\0`)
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await whileAlive(readFile(`/proc/${pid}/environ`))
      return environment?.includes(mark) === true && (await startOf(Number(pid))) !== undefined
        ? Number(pid)
        : undefined
    }),
  )
  return found.filter((pid) => pid !== undefined)
}

/** Kills every marked process until none is left, at most `rounds` times; returns whether all are gone. */
export async function killMarked(name: string, value: string, rounds = 50): Promise<boolean> {
  for (let round = 0; round < rounds; round++) {
    const pids = await marked(name, value)
    if (pids.length === 0) return true
    for (const pid of pids) send(pid, 'SIGKILL')
    await pause(20)
  }
  return false
}

/** Kills a process and waits, at most `ms`, until it has left. A dying process loses its environment before its pid. */
export async function end(ref: ProcessRef, ms = 5000): Promise<void> {
  await signal(ref, 'SIGKILL')
  for (const last = performance.now() + ms; (await isAlive(ref)) && performance.now() < last;) await pause(10)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function send(pid: number, name: NodeJS.Signals): void {
  // one that ended meanwhile is what the signal was for
  ifGone(() => process.kill(pid, name))
}

async function startFromPs(pid: number): Promise<string | undefined> {
  const { stdout } = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }))
  const [, state, start] = /^(\S+)\s+(.*\S)/.exec(stdout.trim()) ?? []
  return state?.startsWith('Z') === true ? undefined : start
}
