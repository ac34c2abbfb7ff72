/** Names for holders of leases and jobs. On Linux a name tells whether its process still lives, so that the leases of a dead one are free at once. */
import { randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { ifGone } from '../contract/absence/absent.ts'

/** A new name for a holder in this process; on Linux it has the start time of the process, so that a later process with the same id is told apart. */
export function holderName(): string {
  const start = startOf(process.pid)
  const random = randomBytes(4).toString('hex')
  return start === undefined ? `${process.pid}-${random}` : `${place()}/${process.pid}/${start}/${random}`
}

/** True only when the holder's process is known to have ended: it ran on this machine since its last start, and is gone. */
export function hasEnded(holder: string): boolean {
  const [boot, space, pid, start] = holder.split('/')
  if (start === undefined || `${boot}/${space}` !== place()) return false
  return startOf(Number(pid)) !== start
}

let known: string | undefined

/** The running system and the space of process ids in it: two containers of one machine have different ones. */
function place(): string {
  known ??= `${text('/proc/sys/kernel/random/boot_id').trim()}/${link('/proc/self/ns/pid')}`
  return known
}

/** When a process started, in ticks since the system did; undefined when there is none, or it is a zombie. */
function startOf(pid: number): string | undefined {
  const stat = text(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

function text(path: string): string {
  return ifGone(() => readFileSync(path, 'latin1')) ?? ''
}

function link(path: string): string {
  return ifGone(() => readlinkSync(path)) ?? ''
}
