/** A server in a process of its own under load: what a request costs it, and how long callers wait. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endWithBench } from './children.ts'
import { runLoad } from './load.ts'
import type { Load, Measured } from './load.ts'
import { cpuMsOf } from './process.ts'
import { ms, thousands } from '../table.ts'
import type { Options } from '../table.ts'

/** The checkout. */
export const ROOT = join(import.meta.dirname, '../..')

const FIRST_ANSWER_MS = 60_000

export interface Loaded extends Measured {
  /** User and system time of the measured processes per request, µs. */
  readonly cpuUs: number
}

export interface Target {
  readonly port: number
  /** Processes whose CPU counts. */
  readonly pids: readonly number[]
}

/** Starts a script that prints `{"port": N}` as its first line. */
export async function started(script: string, ...args: readonly string[]): Promise<Target & { stop(): Promise<void> }> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  endWithBench(child)
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await ended
  }
  const { port } = JSON.parse(await firstLine(child)) as { port: number }
  return { port, pids: [child.pid ?? 0], stop }
}

/** The first line of a process's standard output. Throws when it ends before. */
export async function firstLine(child: ChildProcess): Promise<string> {
  let said = ''
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    said += chunk.toString('utf8')
    if (said.includes('\n')) return said.slice(0, said.indexOf('\n'))
  }
  throw new Error('the server ended before it was ready')
}

type Wanted = Pick<Load, 'path' | 'bodies' | 'clients' | 'headers' | 'type' | 'pauseMs'>

/** Loads a server once it has answered; the seconds are the options'. */
export async function measured(target: Target, load: Wanted, options: Options): Promise<Loaded> {
  const { port, pids } = target
  await answering(target, load)
  const cpu = { begin: 0, end: 0 }
  const mark = (when: 'begin' | 'end'): void => {
    cpu[when] = cpuMsOf(pids)
  }
  const result = await runLoad({ ...load, port, seconds: options.seconds, warmUp: options.seconds / 2, mark })
  if (result.requests === 0) throw new Error(`${load.path} gave no answer while it was counted`)
  return { ...result, cpuUs: ((cpu.end - cpu.begin) * 1000) / result.requests }
}

/** A Python scorer takes seconds to import its libraries. */
async function answering(
  { port }: Target,
  { path, bodies, headers, type = 'application/json' }: Wanted,
): Promise<void> {
  const body = typeof bodies === 'function' ? bodies(0) : (bodies[0] ?? '')
  const deadline = performance.now() + FIRST_ANSWER_MS
  let last = ''
  while (performance.now() < deadline) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'content-type': type, ...headers },
      body: typeof body === 'string' ? body : new Uint8Array(body),
    })
    last = `${response.status} ${await response.text()}`
    if (response.ok) return
    await sleep(100)
  }
  throw new Error(`${path} did not answer with 200: ${last}`)
}

/** A result in words. */
export function said(result: Loaded): string {
  const wait = `p50 ${ms(result.p50)}, p99 ${ms(result.p99)}`
  const refused = result.refused > 0 ? `, ${result.refused} REFUSED` : ''
  return `${Math.round(result.cpuUs)} µs CPU, ${thousands(result.perSecond)} req/s, ${wait}${refused}`
}
