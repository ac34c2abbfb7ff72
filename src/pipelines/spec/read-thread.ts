/** The thread on which a project file is read, with the lines of the keys that its code is compared with. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Path } from './describe.ts'
import { linesIn, readProject } from './parse.ts'

/** What the thread says: `read` as JSON, for its numbers keep their digits, and lines by the JSON of their paths. */
export interface Said {
  readonly read: string
  readonly lines: ReadonlyMap<string, number>
}

function saidOf(text: string): Said {
  const read = readProject(text)
  const { project } = read
  if (project === undefined) return { read: JSON.stringify(read), lines: new Map() }
  const lineOf = linesIn(text)
  const paths: Path[] = [
    [],
    ['python'],
    ...Object.keys(project.python ?? {}).map((key) => ['python', key]),
    ...Object.keys(project.pipeline.steps).map((name) => ['pipeline', 'steps', name, 'run']),
  ]
  return { read: JSON.stringify(read), lines: new Map(paths.map((path) => [JSON.stringify(path), lineOf(path)])) }
}

// eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
parentPort?.postMessage(saidOf(workerData as string))
