/** Runs a program of the user to its end, within a time and with an end to what it prints; nothing that it started is left. */
import { spawn } from 'node:child_process'

export interface Bounds {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Ms. */
  readonly limit: number
  /** Most that it may print, bytes. */
  readonly most: number
}

/** How a program ended. */
export interface Bounded {
  /** Null where a signal ended it. */
  readonly code: number | null
  /** What it printed to both streams, as it came. */
  readonly printed: string
  /** `late` or `flood` where it was ended for that. */
  readonly why: 'ended' | 'late' | 'flood' | 'absent'
}

/** Never rejects: what went wrong is in the outcome. */
export function runBounded(program: string, args: readonly string[], bounds: Bounds): Promise<Bounded> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args], {
      cwd: bounds.cwd,
      env: bounds.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const parts: Buffer[] = []
    let [size, why]: [number, Bounded['why']] = [0, 'ended']
    const stop = (because: Bounded['why']): void => {
      why = why === 'ended' ? because : why
      endGroup(child.pid)
    }
    const watch = setTimeout(() => stop('late'), bounds.limit)
    const printed = (part: Buffer): void => {
      size += part.length
      if (size > bounds.most) stop('flood')
      else parts.push(part)
    }
    child.stdout.on('data', printed)
    child.stderr.on('data', printed)
    // what it started may hold its streams open for ever
    child.once('exit', () => endGroup(child.pid))
    const end = (code: number | null): void => {
      clearTimeout(watch)
      resolve({ code, printed: Buffer.concat(parts).toString('utf8'), why })
    }
    child.once('error', () => {
      why = 'absent'
      end(null)
    })
    child.once('close', end)
  })
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
