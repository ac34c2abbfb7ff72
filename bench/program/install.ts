/** What it takes to bring the dependencies: `npm ci` of the lock file in a folder of its own, with a cache that is empty. Needs the network. */
import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuMsOf, familyOf } from '../load/process.ts'
import type { Row } from '../table.ts'

const ROOT = join(import.meta.dirname, '../..')
const LIMIT_MS = 15 * 60_000

/** One row: seconds of an installation like that of the launcher in a fresh checkout. Throws with npm's words when it fails. */
export async function install(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-install-'))
  try {
    for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(ROOT, file), join(folder, file))
    const { seconds, cpuSeconds } = await npmCi(folder)
    return [
      {
        name: '`npm ci`, nothing cached',
        measured: `${seconds.toFixed(0)} s, about ${cpuSeconds.toFixed(0)} s CPU`,
        target: '≤ 90 s',
        beside: 'MLflow by pip, measured once: 183 s',
        ok: seconds <= 90,
        figures: { seconds, cpu_seconds: cpuSeconds, cores: availableParallelism() },
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function npmCi(folder: string): Promise<{ seconds: number; cpuSeconds: number }> {
  const began = performance.now()
  const child = spawn(
    'npm',
    ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: folder,
      env: { ...process.env, npm_config_cache: join(folder, '.cache') },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: LIMIT_MS,
    },
  )
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (part: string) => (errors += part))
  // what ends between two looks is not counted: scripts of packages, a second or two
  let cpu = 0
  const looks = setInterval(() => (cpu = Math.max(cpu, cpuMsOf(familyOf(child.pid ?? 0)))), 200)
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', reject).once('close', resolve)
  const code = await promise.finally(() => clearInterval(looks))
  if (code !== 0) throw new Error(`npm ci ended with ${code ?? 'a signal'}: ${errors.trim().slice(-2000)}`)
  return { seconds: (performance.now() - began) / 1000, cpuSeconds: cpu / 1000 }
}
