/** Runs the original or the package in a process of its own: confined, without network, each cell within its time. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ALIKE, inherited } from '../../isolation/environment.ts'
import { confined, PACKAGE_DIR, type Plan } from '../../isolation/plan.ts'
import { readRun, type Run } from './record.ts'

export interface RunOptions {
  readonly python: string
  readonly plan: Plan | null
  /** Seconds for each cell. */
  readonly limit: number
  /** Folder of its own for the run: working folder and records. */
  readonly folder: string
  /** Further variables: secrets that the package reads. */
  readonly env: Readonly<Record<string, string>>
  readonly say: (line: string) => void
}

/** Saving a model may take this long, ms: the process ends it itself before. */
const SAVING_MS = 910_000
/** Code that does not come back to Python is ended this long after its time, ms. */
const GRACE_MS = 10_000

/** Variables of the environment that decide how Python finds packages and hardware. */
const INHERITED = 'TMPDIR LD_LIBRARY_PATH PYTHONPATH XDG_* CUDA* SCIKIT_LEARN_DATA'

/** Runs a request. A process that ends without a record is told as failed, with the last of what it said. */
export async function runRecorded(request: object, options: RunOptions): Promise<Run> {
  const out = join(options.folder, 'record')
  const work = join(options.folder, 'work')
  await mkdir(out, { recursive: true })
  await mkdir(work, { recursive: true })
  const before = await digests(work)
  const path = join(options.folder, 'request.json')
  await writeFile(path, JSON.stringify({ ...request, out, limit: options.limit }))
  const { cell, said, late } = await runPython(path, work, options)
  const written = new Map([...(await digests(work))].filter(([file, digest]) => before.get(file) !== digest))
  if (existsSync(join(out, 'record.json'))) return readRun(out, written)
  const last = said.trim().split('\n').at(-1) ?? ''
  const why = late
    ? `it took longer than ${options.limit} s, and did not stop`
    : `the process ended: ${last.slice(0, 300)}`
  return { cells: [], failed: { cell, why }, probe: null, numbers: new Float64Array(), written }
}

/** Most files of a working folder that are looked at. */
const MOST = 5000

/** The files of a folder with the digests of what is in them. */
async function digests(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || found.size >= MOST) continue
    const path = join(entry.parentPath, entry.name)
    const hash = createHash('sha256')
    for await (const part of createReadStream(path)) hash.update(part as Buffer)
    found.set(path.slice(folder.length + 1), hash.digest('hex'))
  }
  return found
}

interface Ended {
  readonly cell: number
  readonly said: string
  readonly late: boolean
}

function runPython(
  request: string,
  work: string,
  { python, plan, limit, folder, env, say }: RunOptions,
): Promise<Ended> {
  const command = confined(
    plan,
    { program: python, args: [join(PACKAGE_DIR, 'slipway/notebook/proof'), request] },
    { write: [folder], show: [folder] },
  )
  return new Promise((resolve) => {
    const child = spawn(command.program, [...command.args], {
      cwd: work,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: {
        ...inherited(INHERITED),
        ...ALIKE,
        PYTHONHASHSEED: '0',
        PYTHONDONTWRITEBYTECODE: '1',
        MPLBACKEND: 'Agg',
        MPLCONFIGDIR: join(folder, 'matplotlib'),
        // sums of threads depend on who comes first
        OMP_NUM_THREADS: '1',
        OPENBLAS_NUM_THREADS: '1',
        MKL_NUM_THREADS: '1',
        ...env,
      },
    })
    let [cell, said, late] = [0, '', false]
    const stop = (): void => {
      late = true
      // its whole group: what it started goes with it
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }
    let watch = setTimeout(stop, limit * 1000 + 60_000)
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      cell = Number(text.trim().split('\n').at(-1)) || cell
      const saving = text.includes('saving')
      say(saving ? 'saving the model' : text.includes('asking') ? 'the model is asked' : `cell ${cell}`)
      clearTimeout(watch)
      watch = setTimeout(stop, saving ? SAVING_MS : limit * 1000 + GRACE_MS)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-20_000)))
    const end = (more = ''): void => {
      clearTimeout(watch)
      resolve({ cell, said: said + more, late })
    }
    child.once('error', (error) => end(error.message))
    child.once('close', () => end())
  })
}
