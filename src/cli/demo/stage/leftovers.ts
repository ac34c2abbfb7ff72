/** Processes that outlive their server on purpose, and are ended when the story is over: gateways and steps. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ifGone, ifJson, ifMissing, whileAlive } from '../../../contract/absence/absent.ts'
import { setTimeout as wait } from 'node:timers/promises'

/** Longer than a step is given to end by itself. */
const PATIENCE_MS = 15_000

/** Ends the gateways and steps of a data folder whose server has ended: asks them, waits a moment, kills what stays. */
export async function endLeftovers(data: string): Promise<void> {
  const pids = new Set((await Promise.all([gateways(data), steps(data), unwritten(data)])).flat())
  for (const pid of pids) signal(pid, 'SIGTERM')
  for (const until = Date.now() + PATIENCE_MS; [...pids].some(isAlive); await wait(20)) {
    if (Date.now() < until) continue
    for (const pid of pids) signal(pid, 'SIGKILL')
    return
  }
}

async function gateways(data: string): Promise<number[]> {
  const run = join(data, 'run')
  const files = (await names(run)).filter((name) => /^gateway-\d+\.json$/.test(name))
  const found = await Promise.all(files.map((name) => processOf(join(run, name), data)))
  return found.filter((pid) => pid !== undefined)
}

async function steps(data: string): Promise<number[]> {
  const attempts = join(data, 'attempts')
  const folders = (await names(attempts)).map((name) => join(attempts, name))
  const found = await Promise.all(folders.map((folder) => processOf(join(folder, 'process.json'), folder)))
  return found.filter((pid) => pid !== undefined)
}

/** Those that nobody had the time to write of, on Linux: gateways and wrappers by their arguments. */
async function unwritten(data: string): Promise<number[]> {
  const programs = ['slipway/step/__main__.py', 'slipway/step']
  const wrappers = programs.map((program) => `${program}\0${join(data, 'attempts')}/`)
  const marks = [`gateway/main.ts\0{"dataDir":${JSON.stringify(data)},`, ...wrappers]
  const running = (await names('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    running.map(async (pid) => {
      const command = await commandOf(pid)
      return marks.some((mark) => command?.includes(mark) === true) ? pid : undefined
    }),
  )
  return found.filter((pid) => pid !== undefined)
}

/** The process that a file names, if it is alive and has `argument` among its arguments, as far as the system tells. */
async function processOf(file: string, argument: string): Promise<number | undefined> {
  const text = (await ifMissing(readFile(file, 'utf8'))) ?? ''
  const { pid } = (ifJson(text) ?? {}) as { pid?: number }
  if (pid === undefined || !isAlive(pid)) return undefined
  return ((await commandOf(pid)) ?? argument).includes(argument) ? pid : undefined
}

/** The arguments of a process, each ended by NUL; undefined where the system does not tell. */
function commandOf(pid: number): Promise<string | undefined> {
  return whileAlive(readFile(`/proc/${pid}/cmdline`, 'utf8'))
}

async function names(folder: string): Promise<string[]> {
  return (await ifMissing(readdir(folder))) ?? []
}

function isAlive(pid: number): boolean {
  return signal(pid, 0)
}

/** False when there is no such process of ours any more. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  return ifGone(() => process.kill(pid, name)) ?? false
}
