/** Large tables are sampled for the proof: both runs read the same rows, which are the same each time. */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { runCommand } from '../../envs/command.ts'
import { PACKAGE_DIR } from '../../isolation/plan.ts'
import type { Input } from '../rewrite/program.ts'

/** Formats whose rows can be taken. */
const TABLES = /\.(?:csv|tsv|jsonl|ndjson|parquet)$|\.(?:csv|tsv|jsonl|ndjson)\.gz$/i

export interface Sample {
  /** The setting that names the input. */
  readonly input: string
  readonly bytes: number
  /** Rows that the proof ran on, of how many; null for an input that is large and was read whole. */
  readonly kept: number | null
  readonly rows: number | null
  /** Why it was read whole; empty for a sample. */
  readonly why: string
}

export interface Sampled {
  /** The inputs as both runs read them. */
  readonly inputs: readonly Input[]
  readonly samples: readonly Sample[]
}

export interface SampleOptions {
  readonly python: string
  /** Folder for the samples. */
  readonly scratch: string
  /** Inputs above this many bytes are sampled down to about as many; 0 for none. */
  readonly above: number
  readonly say: (line: string) => void
}

/** The inputs, those that are large by a sample each. What cannot be sampled stays whole and is told. */
export async function sampleInputs(inputs: readonly Input[], options: SampleOptions): Promise<Sampled> {
  const taken: Input[] = []
  const samples: Sample[] = []
  for (const input of inputs) {
    const found = input.path === undefined ? undefined : await stat(input.path)
    if (input.path === undefined || found === undefined || options.above === 0 || found.size <= options.above)
      taken.push(input)
    else if (found.isFile()) {
      options.say(`taking a sample of ${input.path}`)
      const { path, sample } = await sampleOf(input.name, { path: input.path, bytes: found.size }, options)
      samples.push(sample)
      taken.push({ ...input, path })
    } else taken.push(input)
  }
  return { inputs: taken, samples }
}

async function sampleOf(
  input: string,
  { path, bytes }: { readonly path: string; readonly bytes: number },
  { python, scratch, above }: SampleOptions,
): Promise<{ readonly path: string; readonly sample: Sample }> {
  const whole = (why: string): { path: string; sample: Sample } => ({
    path,
    sample: { input, bytes, kept: null, rows: null, why },
  })
  if (!TABLES.test(path)) return whole('rows of this format cannot be taken')
  const folder = join(scratch, 'inputs', input)
  await mkdir(folder, { recursive: true })
  const target = join(folder, basename(path))
  const [request, answer] = [join(folder, 'request.json'), join(folder, 'answer.json')]
  await writeFile(request, JSON.stringify({ what: 'sample', source: path, target, answer, share: above / bytes }))
  const { code, stderr } = await runCommand(python, [join(PACKAGE_DIR, 'slipway/notebook/proof'), request])
  if (code !== 0) return whole(`taking rows failed: ${stderr.trim().split('\n').at(-1) ?? ''}`.slice(0, 200))
  const { kept, rows } = JSON.parse(await readFile(answer, 'utf8')) as { kept: number; rows: number }
  return { path: target, sample: { input, bytes, kept, rows, why: '' } }
}
