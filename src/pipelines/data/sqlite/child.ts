/** Has a process of its own query a database of SQLite. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Answer, QueryTask } from './task.ts'

const PROGRAM = join(import.meta.dirname, 'process.ts')
/** Most of what it says that is kept, characters. */
const MOST_SAID = 64 * 1024

/** The answer; undefined where the time was over before. The process is gone when this returns. */
export function queryApart(task: QueryTask, longest_ms: number): Promise<Answer | undefined> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { SQLITE_TMPDIR: task.scratch },
    })
    const texts = { said: '', errors: '' }
    child.stdout.on('data', (chunk) => (texts.said = `${texts.said}${String(chunk)}`.slice(0, MOST_SAID)))
    child.stderr.on('data', (chunk) => (texts.errors = `${texts.errors}${String(chunk)}`.slice(-4096)))
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, longest_ms)
    // a process that ended before it read its task says so itself
    child.stdin.on('error', () => undefined)
    // it stays open: the process ends when this one is gone
    child.stdin.write(`${JSON.stringify(task)}\n`)
    child.on('error', failed)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (isLate) done(undefined)
      else if (code === 0 && texts.said.endsWith('\n')) done(JSON.parse(texts.said) as Answer)
      else if (signal === 'SIGKILL') done({ refused: 'the query takes more memory than the machine has' })
      else failed(new Error(`the process of the query ended with ${signal ?? String(code)}: ${texts.errors.trim()}`))
    })
  })
}
