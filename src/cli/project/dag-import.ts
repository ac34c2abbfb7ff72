/** `slipway dag import`: a project that begins where a DAG of Airflow or Kubeflow is. The file is read, and never run. */
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { readUserText } from '../../contract/absence/user-file.ts'
import { findPython } from '../../envs/python.ts'
import { inherited } from '../../isolation/environment.ts'
import { PACKAGE_DIR } from '../../isolation/plan.ts'
import { ForeignFile, type ForeignDag } from '../../pipelines/dag/read/foreign.ts'
import { readKubeflow } from '../../pipelines/dag/read/kubeflow.ts'
import { skeletonOf } from '../../pipelines/dag/read/skeleton.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { runBounded } from './file/bounded.ts'
import { PROJECT_FILE } from './file/project-file.ts'

const LIMIT_MS = 60_000
const MOST_SAID = 64 * 1024 * 1024

export async function importDag(invocation: Invocation): Promise<number> {
  const [, file] = invocation.args
  if (file === undefined)
    throw new UsageError(
      'slipway dag import needs a file: a DAG of Airflow (.py), or a compiled pipeline of Kubeflow (.yaml)',
    )
  const { out } = invocation
  const read = await readForeign(file)
  if ('fault' in read) throw new UsageError(`${file} cannot be read: ${read.fault}`)
  const dag = chosen(read.dags, file, text(invocation, 'dag'))
  const skeleton = skeletonOf({ ...dag, left: [...read.left, ...dag.left] }, basename(file))
  const folder = resolve(text(invocation, 'out') ?? skeleton.project)
  const files = [
    [join(folder, PROJECT_FILE), skeleton.text],
    [join(folder, 'steps.py'), skeleton.code],
  ] as const
  for (const [path] of files)
    if ((await ifMissing(stat(path))) !== undefined)
      throw new UsageError(`${path} exists already; it is left as it is. Name another folder with --out`)
  await mkdir(folder, { recursive: true })
  for (const [path, content] of files) await writeFile(path, content)
  out.data({
    written: files.map(([path]) => path),
    project: skeleton.project,
    steps: skeleton.steps,
    left: skeleton.left,
  })
  out.line(
    `Wrote ${files[0][0]} and steps.py: ${skeleton.steps} steps of ${dag.name}, which fail until you have filled them in.`,
  )
  for (const { line, what } of skeleton.left) out.line(`not taken over: ${file}:${line}: ${what}`)
  return 0
}

function chosen(dags: readonly ForeignDag[], file: string, wanted: string | undefined): ForeignDag {
  const named = dags.filter(({ name }) => wanted === undefined || name === wanted)
  const [dag] = named
  const names = dags.map(({ name, line }) => `${name} (line ${line})`).join(', ')
  if (dag === undefined)
    throw new UsageError(
      dags.length === 0 ? `${file} has no DAG that can be read` : `${file} has no DAG "${wanted}"; it has ${names}`,
    )
  if (named.length > 1) throw new UsageError(`${file} has several DAGs: ${names}; choose one with --dag NAME`)
  if (dag.tasks.length === 0) throw new UsageError(`the DAG ${dag.name} of ${file} has no task that can be read`)
  return dag
}

async function readForeign(file: string): Promise<ForeignFile> {
  const path = resolve(file)
  const content = await ifMissing(readUserText(path))
  if (content === undefined) throw new UsageError(`there is no file ${file}`)
  const kind = extname(file).toLowerCase()
  if (['.yaml', '.yml', '.json'].includes(kind)) return readKubeflow(content)
  if (kind !== '.py') throw new UsageError(`${file} ends with "${kind}"; expected .py of Airflow, or .yaml of Kubeflow`)
  const { path: python } = await findPython('>=3.10')
  const { why, code, printed } = await runBounded(
    python,
    // of what the file would warn of nothing is to stand in what is said
    ['-I', '-W', 'ignore', join(PACKAGE_DIR, 'slipway/dags/command.py'), path],
    {
      cwd: resolve('.'),
      env: { ...inherited('LC_* TMPDIR'), PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' },
      limit: LIMIT_MS,
      most: MOST_SAID,
    },
  )
  if (why !== 'ended') return { fault: why === 'late' ? `it took more than ${LIMIT_MS / 1000} s` : 'it says too much' }
  if (code !== 0) throw new Error(`the reader of DAG files ended with ${code}: ${printed.slice(-2000)}`)
  return ForeignFile.parse(JSON.parse(printed))
}
