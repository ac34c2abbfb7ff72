/** `npm run bench`: the numbers that Slipway is to reach, each beside its target and, where there is one, a floor or a peer. */
import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { against } from './program/against.ts'
import { artifacts } from './tracking/artifacts.ts'
import { chaos } from './serving/chaos.ts'
import { driftStudy } from './monitoring/drift-study.ts'
import { explain } from './serving/explain.ts'
import { features } from './features/features.ts'
import { firstView } from './program/first-view.ts'
import { image } from './images/image.ts'
import { install } from './program/install.ts'
import { llm } from './llm/llm.ts'
import { logMetric } from './tracking/log-metric.ts'
import { monitors } from './monitoring/monitors.ts'
import { elsewhere, packaging } from './notebook/package.ts'
import { overload } from './serving/overload.ts'
import { postgres } from './tracking/postgres.ts'
import { predict } from './serving/predict.ts'
import { rolloutSim } from './rollout/rollout-sim.ts'
import { runs } from './tracking/runs.ts'
import { scale } from './pipelines/scale.ts'
import { search } from './pipelines/search.ts'
import { serve } from './program/serve.ts'
import { servingPeers } from './serving/serving-peers.ts'
import { shapes } from './serving/shapes.ts'
import { size } from './program/size.ts'
import { steps } from './pipelines/steps.ts'
import { stalls } from './serving/stalls.ts'
import { tables } from './data/tables.ts'
import { swap } from './serving/swap.ts'
import { asMarkdown, asText } from './table.ts'
import type { Options, Row } from './table.ts'
import { worst } from './tracking/worst.ts'
import { traces } from './tracking/traces.ts'
import { ui } from './program/ui.ts'

const PARTS: Readonly<Record<string, (options: Options) => Promise<Row[]>>> = {
  serve,
  'log-metric': logMetric,
  runs,
  artifacts,
  traces,
  postgres,
  predict,
  'serving-peers': servingPeers,
  shapes,
  explain,
  stalls,
  swap,
  chaos,
  overload,
  steps,
  search,
  scale,
  data: tables,
  features,
  llm,
  monitors,
  size,
  notebook: packaging,
  image,
  elsewhere,
  'first-view': firstView,
  ui,
  install,
  worst,
  'drift-study': driftStudy,
  'rollout-sim': rolloutSim,
  against,
}

/** Only when asked for: the first measures what is seen, not what it costs; the others take minutes to prepare. */
const ASKED = [
  'serving-peers',
  'shapes',
  'chaos',
  'overload',
  'drift-study',
  'explain',
  'rollout-sim',
  'install',
  'image',
  'elsewhere',
  'runs',
  'worst',
  'artifacts',
  'postgres',
  'ui',
  'against',
  'search',
  'scale',
  'data',
  'features',
  'llm',
]

/** Parts that answer one question together. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  pipelines: ['steps', 'scale', 'search'],
  package: ['notebook', 'image', 'elsewhere'],
  tracking: ['serve', 'log-metric', 'runs', 'worst', 'artifacts', 'traces', 'postgres', 'ui'],
  serving: ['serve', 'predict', 'serving-peers', 'shapes', 'explain', 'stalls', 'swap', 'chaos', 'overload'],
}

const USAGE = `Usage: npm run bench -- [NAME …] [--quick] [--peers] [--data DIR] [--tree DIR] [--markdown | --json]

  NAME …         Only these parts: ${Object.keys(PARTS).join(', ')};
                 or all parts of ${Object.keys(GROUPS).join(' or ')}. Without a name all but ${ASKED.join(', ')}.
  --only NAME,…  The same.
  --quick        One second a load instead of four.
  --peers        Also measure \`mlflow server\`, and of pipelines other programs, beside which ours is to stand (a minute, 2 GiB of memory).
  --data DIR     A data folder to which examples/flights was shipped: predict with its model.
  --tree DIR     Another checkout with its packages: against measures the hot paths of both in short turns.
  --markdown     The table as docs/benchmarks.md has it.
  --json         The figures as JSON.
`

interface Failure {
  readonly part: string
  readonly error: string
}

process.exitCode = await main()

/** A signal ends the bench with what was measured so far; processes that it started end with it. */
function untilSignal(report: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      report()
      process.exit(130)
    })
  }
}

async function main(): Promise<number> {
  const given = read()
  if (given === undefined) return 2
  const { wanted, options, form } = given
  const before = loadavg()[0] ?? 0
  const rows: Row[] = []
  const failures: Failure[] = []
  const report = (): void => {
    const machine = { cores: availableParallelism(), load_before: before, load_after: loadavg()[0] ?? 0 }
    if (form === 'json') process.stdout.write(`${JSON.stringify({ node: process.version, machine, rows, failures })}\n`)
    else process.stdout.write(`${form === 'markdown' ? asMarkdown(rows) : asText(rows)}\n\n${note(machine)}\n`)
    for (const { part, error } of failures) process.stderr.write(`${part} could not be measured: ${error}\n`)
  }
  untilSignal(report)
  for (const part of wanted) {
    process.stderr.write(`${part} …\n`)
    try {
      rows.push(...((await PARTS[part]?.(options)) ?? []))
    } catch (error) {
      failures.push({ part, error: error instanceof Error ? error.message : String(error) })
    }
  }
  report()
  return failures.length === 0 ? 0 : 1
}

function read(): { wanted: string[]; options: Options; form: 'text' | 'markdown' | 'json' } | undefined {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        only: { type: 'string' },
        json: { type: 'boolean', default: false },
        markdown: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        peers: { type: 'boolean', default: false },
        data: { type: 'string' },
        tree: { type: 'string' },
      },
    })
    return {
      wanted: partsOf([...positionals, ...(values.only?.split(',') ?? [])]),
      options: { seconds: values.quick ? 1 : 4, peers: values.peers, data: values.data, tree: values.tree },
      form: values.json ? 'json' : values.markdown ? 'markdown' : 'text',
    }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`)
    return undefined
  }
}

/** The parts of names, each once; those that take no asking where there is no name. */
function partsOf(names: readonly string[]): string[] {
  if (names.length === 0) return Object.keys(PARTS).filter((name) => !ASKED.includes(name))
  const parts = new Set(names.flatMap((name) => (Object.hasOwn(GROUPS, name) ? (GROUPS[name] ?? []) : [name])))
  const unknown = [...parts].filter((name) => !Object.hasOwn(PARTS, name))
  if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(', ')}`)
  return [...parts]
}

interface Machine {
  readonly cores: number
  /** Load averages over a minute, when the bench began and when it ended. */
  readonly load_before: number
  readonly load_after: number
}

/** Others' work on the machine lengthens waits most, and CPU too: caches and cores are shared. */
function note({ cores, load_before, load_after }: Machine): string {
  const [before, after] = [load_before.toFixed(1), load_after.toFixed(1)]
  const text = `Machine: ${cores} cores; load over the minute before ${before}, at the end ${after} (this bench included).`
  return load_before > cores / 2
    ? `${text}\nOther programs were at work: the figures are worse than on a quiet machine. Compare them with the floors of this run.`
    : text
}
