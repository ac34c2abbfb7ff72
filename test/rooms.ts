/** The rooms of `src/` in their order, what their files really import, and which tables they own. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { importsOf } from './house/imports.ts'

/** Every room that may exist, in reading order: a room imports only from rooms above it. */
export const ROOMS: readonly (readonly [name: string, purpose: string])[] = [
  ['own-files.ts', 'how Node finds the files of this program'],
  ['contract', 'what may be said over HTTP: routes, errors, ids'],
  ['stats', 'pure mathematics: drift, sketches, sequential tests, scores'],
  ['client', 'typed calls made from the contract; pipelines written in TypeScript'],
  ['store', 'database, migrations, blobs, segments, backup'],
  ['isolation', 'what other people’s code is held to: mount namespaces, Landlock, the environment it inherits'],
  ['jobs', 'durable queue, schedules, leases, retries'],
  ['http', 'listening, parsing by contract, mapping errors, the one egress client'],
  ['auth', 'tokens, roles, projects, the audit chain'],
  ['cost', 'meters, prices, ledger, budgets, reports'],
  ['envs', 'Python environments: locked, built, cached'],
  ['mlflow', 'what MLflow’s wire has in common: rpc, input, filter grammar, paging, limits, headers'],
  ['tracking', 'experiments, runs, metrics, artifacts, logged models; the MLflow wire'],
  ['traces', 'spans, OTLP, assessments, issues'],
  ['evaluation', 'evaluation datasets, scorers, judges'],
  ['registry', 'models, versions, aliases, gates, lineage'],
  ['pipelines', 'project file, runs, steps, attempts, cache keys, drivers'],
  ['features', 'entities, feature views, point-in-time joins, the online store'],
  ['scoring', 'what turns rows into results: native, ONNX; no process, no network'],
  ['gateway', 'the process that answers predictions: routing table, protocols, backends, prediction log'],
  ['serving', 'the control side of predictions: endpoints, variants, fleet, ingest, batch'],
  ['llm', 'LLM traffic: providers, keys, prompts, retrieval'],
  ['rollout', 'shadow, canary, gates, verdicts, rollback'],
  ['monitoring', 'profiles, checks, labels, alerts, incidents, reactions'],
  ['data', 'data sets: versions by content, profiles, differences, who reads them'],
  ['transfer', 'moving in and out: MLflow, another server, W&B'],
  ['notebook', 'research code to a tested Python package'],
  ['images', 'OCI images, written without a daemon and compared'],
  ['infra', 'Kubernetes, Helm and Terraform output, instance choice'],
  ['ci', 'gates on a change, pull-request report, workflow templates'],
  ['options.ts', 'what the program is started with'],
  ['app.ts', 'the composition root: builds each room and joins them'],
  ['cli', 'the command line, one file a command'],
]

const TEST_FILE = /\.(test|cases|fixture)\.ts$/

/** The part of `src/` that a file belongs to: its first folder, or the file itself when it lies at the top. */
export function roomOf(src: string, file: string): string {
  return relative(src, file).split(/[\\/]/)[0] ?? ''
}

/** One import across rooms, with the file it stands in (relative to the folder above `src`). */
export interface Edge {
  from: string
  to: string
  file: string
  target: string
}

/** Every import of the files below `src` that leaves its room; tests, contract suites and fixtures may reach anywhere and are left out. */
export function edges(src: string): Edge[] {
  return sources(src).flatMap((file) =>
    importsOf(readFileSync(file, 'utf8'))
      .map(({ target }) => resolve(dirname(file), target))
      .filter((target) => target.startsWith(`${src}/`) && roomOf(src, target) !== roomOf(src, file))
      .map((target) => ({
        from: roomOf(src, file),
        to: roomOf(src, target),
        file: relative(dirname(src), file),
        target: relative(dirname(src), target),
      })),
  )
}

/** Absolute paths of the TypeScript files below a folder that are not tests, contract cases or fixtures of tests. */
export function sources(folder: string): string[] {
  return globSync('**/*.{ts,tsx}', { cwd: folder })
    .filter((file) => !TEST_FILE.test(file))
    .sort()
    .map((file) => join(folder, file))
}

/** The rooms that exist below `src` (a folder with at least one source file, or a file at its top), in no special order. */
export function existingRooms(src: string): string[] {
  return [...new Set(sources(src).map((file) => roomOf(src, file)))]
}

/** The table of ARCHITECTURE.md as it should be: a row for each room that exists, in order, with what it imports. */
export function roomTable(src: string): string {
  const real = edges(src)
  const present = new Set(existingRooms(src))
  const order = ROOMS.map(([name]) => name)
  const rows = ROOMS.filter(([name]) => present.has(name)).map(([name, purpose]) => {
    const imported = new Set(real.filter((edge) => edge.from === name).map((edge) => edge.to))
    const cell = [...imported].sort((a, b) => order.indexOf(a) - order.indexOf(b)).map((to) => `\`${to}\``)
    return `| \`${name}\` | ${purpose} | ${cell.join(' ')} |`
  })
  return ['| room | what it is for | imports |', '|---|---|---|', ...rows].join('\n')
}

/** Reads the drawn table back: room -> rooms it imports, in the order of the rows. */
export function readTable(markdown: string): [room: string, imports: string[]][] {
  return [...markdown.matchAll(/^\| `([^`]+)` \|[^|]*\|([^|]*)\|$/gm)].map(([, name, cell]) => [
    name ?? '',
    [...(cell ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '').sort(),
  ])
}

/**
 * Tables that went to another room after their migration was released: a released file never changes, so it cannot name
 * the new owner. A room that has no folder yet leaves its tables with the room of the migration.
 */
const TABLE_ROOMS: Readonly<Record<string, readonly string[]>> = {
  traces: ['traces', 'trace_tags', 'trace_metadata', 'trace_links', 'trace_spans', 'trace_assessments', 'trace_issues'],
  evaluation: [
    'evaluation_datasets',
    'evaluation_dataset_tags',
    'evaluation_dataset_experiments',
    'evaluation_records',
    'scorers',
    'scorer_versions',
    'scorer_sampling',
  ],
  llm: [
    'gateway_secrets',
    'gateway_model_definitions',
    'gateway_endpoints',
    'gateway_mappings',
    'gateway_bindings',
    'gateway_endpoint_tags',
  ],
  transfer: ['tracking_imports', 'tracking_import_parts', 'tracking_import_origins'],
}

/**
 * Which room below `src` owns each table: the room that a migration names in a line `-- room: NAME`, else the first word
 * of its file name (`0002_jobs.sql` belongs to jobs), unless `TABLE_ROOMS` names an existing room for it.
 */
export function tableOwners(src: string): Map<string, string> {
  const migrations = join(src, 'store/migrations')
  const owners = new Map<string, string>()
  const files = existsSync(migrations) ? readdirSync(migrations).sort() : []
  for (const file of files.filter((name) => name.endsWith('.sql'))) {
    const text = readFileSync(join(migrations, file), 'utf8')
    const owner = /^-- room: (\S+)$/m.exec(text)?.[1] ?? /^\d+_([a-z]+)/.exec(file)?.[1] ?? file
    for (const [, table] of text.matchAll(/CREATE TABLE (?:IF NOT EXISTS )?(\w+)/g)) owners.set(table ?? '', owner)
  }
  for (const [room, tables] of Object.entries(TABLE_ROOMS)) {
    if (existsSync(join(src, room))) for (const table of tables) owners.set(table, room)
  }
  return owners
}
