/** What a file says that writes a pipeline: the text of its slipway.yaml, and where each key of it stands in the user's files. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { z } from 'zod'
import { ifMissing } from '../../../contract/absence/absent.ts'
import { readUserText } from '../../../contract/absence/user-file.ts'
import { dotted, type Fault } from '../../../pipelines/spec/parse.ts'
import { inherited } from '../../../isolation/environment.ts'
import { config } from '../../invocation/config.ts'
import { UsageError } from '../../invocation/command.ts'
import { placeHere } from '../../invocation/place.ts'
import { runBounded } from './bounded.ts'

/** What the loaders of the languages leave, see python/slipway/pipeline/command.py. Paths are those of the project file's data. */
const Said = z.object({
  text: z.string().nullable(),
  marks: z.array(z.tuple([z.array(z.string()), z.string(), z.number()])),
  faults: z.array(z.tuple([z.array(z.string()), z.string(), z.number(), z.string()])),
})

export interface Written {
  /** Absent where the file came to no end. */
  readonly text?: string
  /** What is wrong beside what its text shows. */
  readonly faults: readonly Fault[]
  /** The place of a key in the user's files. */
  readonly placeOf: (key: string) => { readonly file: string; readonly line: number }
  /** What the file printed while it was loaded. */
  readonly printed: string
}

/** How a file is loaded: a program with arguments, to which the loader's own are added. */
export interface Loader {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Most that a file may print, bytes. */
const MOST_PRINTED = 256 * 1024
/** More than the loader's own limit, which names the line. */
const GRACE_MS = 2000

/** Loads a file of the project in a process of its own, which gets none of this one's secrets. Throws UsageError in a job of a fork. */
export async function writtenBy(loader: Loader, root: string, file: string): Promise<Written> {
  await refuseStrangers(file)
  const seconds = limit()
  const folder = await mkdtemp(join(tmpdir(), 'slipway-pipeline-'))
  try {
    const result = join(folder, 'result.json')
    const ended = await runBounded(loader.program, [...loader.args, root, file, result, String(seconds)], {
      cwd: root,
      env: { ...inherited('LC_* TZ TMPDIR VIRTUAL_ENV LD_LIBRARY_PATH'), ...loader.env },
      limit: seconds * 1000 + GRACE_MS,
      most: MOST_PRINTED,
    })
    const said = ended.why === 'ended' ? await ifMissing(readUserText(result)) : undefined
    if (said !== undefined) return read(Said.parse(JSON.parse(said)), root, file, ended.printed)
    const why = {
      ended: `its process ended (exit code ${ended.code ?? 'of a signal'}) before it said what its pipeline is${lastOf(ended.printed)}`,
      late: `this ran for more than ${seconds} s; expected a file that only says what its pipeline is`,
      flood: `it printed more than ${MOST_PRINTED / 1024} KiB; expected a file that only says what its pipeline is`,
      absent: `there is no program ${loader.program} to load it`,
    }[ended.why]
    return {
      faults: [{ file, line: 1, key: '', message: why }],
      placeOf: () => ({ file, line: 1 }),
      printed: ended.why === 'flood' ? '' : ended.printed,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function lastOf(printed: string): string {
  const line = printed.trim().split('\n').at(-1) ?? ''
  return line === '' ? '' : `; it printed last: ${line.slice(0, 200)}`
}

function limit(): number {
  const given = config('SLIPWAY_PIPELINE_FILE_SECONDS') ?? '30'
  const seconds = Number(given)
  if (seconds > 0 && seconds <= 3600) return seconds
  throw new UsageError(`SLIPWAY_PIPELINE_FILE_SECONDS is "${given}"; expected seconds up to 3600`)
}

/** To load the file is to run it, with the rights of the job. */
async function refuseStrangers(file: string): Promise<void> {
  const { fork } = await placeHere()
  if (fork)
    throw new UsageError(
      `this job is of a fork, and loads no ${file}: its code would run with the rights of the job. Who has read the change checks it from a branch of the repository; a slipway.yaml is checked anywhere`,
    )
}

function read({ text, marks, faults }: z.output<typeof Said>, root: string, file: string, printed: string): Written {
  const name = (path: string): string => {
    const inside = relative(root, path)
    return path === '' ? file : inside.startsWith('..') ? path : inside.split(sep).join('/')
  }
  const places = new Map(marks.map(([path, where, line]) => [dotted(path), { file: name(where), line }]))
  const placeOf = (key: string): { file: string; line: number } => {
    for (let at = key; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
      const found = places.get(at)
      if (found !== undefined) return found
    }
    return places.get('') ?? { file, line: 1 }
  }
  return {
    ...(text !== null && { text }),
    faults: faults.map(([path, where, line, message]) => ({ file: name(where), line, key: dotted(path), message })),
    placeOf,
    printed,
  }
}
