/**
 * The process that queries a database of SQLite: it can be ended at any moment, has no part of the server's memory, and its locks are its
 * own, for on POSIX a process loses those of a file when it closes that anywhere.
 */
import { rmSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { Answer, QueryTask } from './task.ts'

/** The first line of the standard input is the task; its end means that the server is gone. */
function serve(): void {
  const parts: Buffer[] = []
  let task: QueryTask | undefined
  process.stdin.on('data', (part: Buffer) => {
    if (task !== undefined) return
    parts.push(part)
    if (!part.includes(LINE)) return
    task = JSON.parse(Buffer.concat(parts).toString('utf8')) as QueryTask
    run(task)
  })
  process.stdin.on('end', () => {
    // nobody else is there to remove it
    if (task !== undefined) rmSync(task.scratch, { recursive: true, force: true })
    process.kill(process.pid, 'SIGKILL')
  })
}

const LINE = 0x0a

/** Between looks at the memory that is taken, ms: SQLite itself, as Node has it, keeps no account of it. */
const LOOK_MS = 20

function run(task: QueryTask): void {
  const looks = setInterval(() => {
    if (process.memoryUsage.rss() > task.memory_bytes)
      end({ refused: `the query takes more than ${Math.round(task.memory_bytes / 2 ** 20)} MiB of memory` })
  }, LOOK_MS)
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: task })
  worker.on('message', end)
  worker.on('error', (error: Error) => {
    process.stderr.write(error.stack ?? error.message, () => process.exit(1))
  })

  function end(answer: Answer): void {
    worker.off('message', end)
    clearInterval(looks)
    process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit())
  }
}

if (import.meta.main) serve()
