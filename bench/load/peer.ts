/** Other people's servers: each in a process group of its own, which ends with the bench. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { endWithBench } from './children.ts'

const START_MS = 180_000

export interface Peer {
  readonly port: number
  readonly pid: number
  /** From spawning to the first answer of status 200, seconds. */
  readonly startSeconds: number
  stop(): Promise<void>
}

export interface PeerOptions {
  readonly program: string
  /** Its arguments, for the port that it gets. */
  readonly args: (port: number) => readonly string[]
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
  /** Path that answers with 200 once it is ready. */
  readonly health: string
}

/** Starts it on a free port; resolves once it answers. Throws when it ends before, or takes more than three minutes. */
export async function startPeer({ program, args, cwd, env, health }: PeerOptions): Promise<Peer> {
  const port = await freePort()
  const began = performance.now()
  const child = spawn(program, args(port), { cwd, detached: true, stdio: 'ignore', env: { ...process.env, ...env } })
  endWithBench(child, () => killGroup(child))
  const stop = (): Promise<void> => endGroup(child)
  try {
    await answering(`http://127.0.0.1:${port}${health}`, child)
  } catch (error) {
    await stop()
    throw error
  }
  return { port, pid: child.pid ?? 0, startSeconds: (performance.now() - began) / 1000, stop }
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_MS
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the peer ended with ${child.exitCode}`)
    const ok = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (ok) return
    await sleep(50)
  }
  throw new Error(`${url} did not answer within ${START_MS} ms`)
}

async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  process.kill(-child.pid, 'SIGTERM')
  const late = setTimeout(() => killGroup(child), 10_000)
  await ended
  clearTimeout(late)
}

function killGroup(child: ChildProcess): void {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
    process.kill(-child.pid, 'SIGKILL')
}

/** A port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
}
