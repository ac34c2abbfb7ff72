/** What the operating system (Linux) knows of a process and its children: CPU time and memory. */
import { readFileSync } from 'node:fs'
import { ifGone } from '../../src/contract/absence/absent.ts'

const TICK_MS = 10

/** User and system time of a process so far, ms; 0 once it is gone. Counts in steps of 10 ms. */
export function cpuMs(pid: number): number {
  const fields = statOf(pid)
  return fields === undefined ? 0 : (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** The same of several processes together. */
export function cpuMsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuMs(pid), 0)
}

/** User and system time of the children of this process that have ended, ms. */
export function endedCpuMs(): number {
  const fields = statOf(process.pid)
  return fields === undefined ? 0 : (Number(fields[13]) + Number(fields[14])) * TICK_MS
}

/** A process and all that descend from it. */
export function familyOf(pid: number): number[] {
  const family = [pid]
  for (const member of family) family.push(...childrenOf(member))
  return family
}

function childrenOf(pid: number): number[] {
  const text = read(`/proc/${pid}/task/${pid}/children`) ?? ''
  return text.split(' ').filter(Boolean).map(Number)
}

export interface Memory {
  /** Resident set: shared pages count whole in every process. */
  readonly rss: number
  /** Proportional set: shared pages count once over all processes. */
  readonly pss: number
}

/** Memory of processes together, bytes. */
export function memoryOf(pids: readonly number[]): Memory {
  const sum = { rss: 0, pss: 0 }
  for (const pid of pids) {
    const text = read(`/proc/${pid}/smaps_rollup`) ?? ''
    sum.rss += kilobytes(text, 'Rss') * 1024
    sum.pss += kilobytes(text, 'Pss') * 1024
  }
  return sum
}

/** Largest resident set of a process so far, bytes; 0 once it is gone. */
export function peakOf(pid: number): number {
  return kilobytes(read(`/proc/${pid}/status`) ?? '', 'VmHWM') * 1024
}

function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)
}

/** Fields of /proc/PID/stat after the name, which may itself hold spaces and brackets. */
function statOf(pid: number): string[] | undefined {
  const stat = read(`/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** A process may end between two looks. */
function read(path: string): string | undefined {
  return ifGone(() => readFileSync(path, 'utf8'))
}
