/** Recorded replies of data sets, shaped by the contract. */
import type { DataColumn, DataDiff, DataVersion } from '../../../src/contract/data/sets.ts'
import type { dataSetsApi } from '../../../src/contract/data/sets.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { before } from '../fixture-tracking.ts'

const DAY = 86_400_000
const PROJECT = 'flight-delay'
const NAME = 'flights'
/** As the first source of the recorded pipeline run has it, and as MLflow's client names the data of a tracked run. */
const DIGEST = `sha256:${'4f2a'.repeat(16)}`
const KNOWN = [DIGEST, '9ad2c31e', 'd1']

export function found(asked: readonly string[]): Reply<typeof dataSetsApi.findDataVersions>['items'] {
  const digests = asked.flatMap((one) => one.split(','))
  return digests
    .filter((one) => KNOWN.includes(one))
    .map((one) => ({ asked: one, project: PROJECT, name: NAME, version: 3, digest: DIGEST }))
}

function version(now: number, number: number): DataVersion {
  return {
    project: PROJECT,
    name: NAME,
    version: number,
    digest: number === 3 ? DIGEST : `sha256:${String(number).repeat(64)}`,
    size: 48_211_904 + number * 1_000_000,
    files: 1,
    state: number === 4 ? 'profiling' : 'ready',
    reason: '',
    rows: number === 4 ? null : 600_000 + number * 4001,
    made_by:
      number === 1
        ? { kind: 'files', place: 'flights-2025.csv' }
        : { kind: 'step', run: 'run_01k2b9d', step: 'ingest', output: 'flights' },
    note: number === 2 ? 'without the cancelled flights of the storm, which have no delay at all' : '',
    tags: number === 3 ? { owner: 'ops' } : {},
    data_at: before(now, (5 - number) * DAY),
    created_at: before(now, (5 - number) * DAY - 60_000),
    created_by: 'ada',
  }
}

export function sets(now: number): Reply<typeof dataSetsApi.listDataSets>['items'] {
  const base = { project: PROJECT, note: 'one row a flight', created_at: before(now, 90 * DAY), created_by: 'ada' }
  return [
    { ...base, name: NAME, versions: 4, latest: version(now, 4) },
    { ...base, name: 'weather', versions: 0, latest: null },
  ]
}

export function set(now: number, name: string): Reply<typeof dataSetsApi.getDataSet> | undefined {
  const one = sets(now).find((known) => known.name === name)
  return one === undefined
    ? undefined
    : { ...one, items: name === NAME ? [4, 3, 2, 1].map((n) => version(now, n)) : [] }
}

const none = { min: null, max: null, mean: null, sd: null, quantiles: [], histogram: null, top: [] }

const COLUMNS: DataColumn[] = [
  {
    ...none,
    name: 'dep_delay',
    type: 'float',
    count: 590_112,
    missing: 21_892,
    distinct: 812,
    distinct_exact: true,
    min: -43,
    max: 1301,
    mean: 12.64,
    sd: 40.21,
    quantiles: [{ share: 0.5, value: -2 }],
    histogram: { edges: [-43, 0, 30, 120, 1301], counts: [340_112, 180_000, 60_000, 10_000] },
  },
  {
    ...none,
    name: 'carrier',
    type: 'text',
    count: 612_004,
    missing: 0,
    distinct: 16,
    distinct_exact: true,
    top: [
      { value: 'UA', count: 110_301 },
      { value: 'a carrier whose name is much longer than the column is wide, as such names are', count: 12 },
    ],
  },
]

export function oneVersion(now: number, number: string): Reply<typeof dataSetsApi.getDataVersion> {
  const row = version(now, Number(number))
  return {
    ...row,
    columns: row.state === 'ready' ? COLUMNS : [],
    cited:
      row.version !== 3
        ? []
        : [
            {
              kind: 'alias',
              what: 'model flight-delay@production (version 3)',
              href: '/models/flight-delay/versions/3',
              keeps: true,
            },
            {
              kind: 'run',
              what: 'run 00019c1f, which logged it as its input',
              href: '/runs/00019c1f4be27a60b3d85c14',
              keeps: false,
            },
          ],
  }
}

const DIFF: DataDiff = {
  same: false,
  rows: { before: 608_002, after: 612_003 },
  columns: {
    added: [{ name: 'tail_number', type: 'text' }],
    removed: [{ name: 'gate', type: 'text' }],
    retyped: [{ name: 'dep_time', before: 'int', after: 'text' }],
    reordered: true,
  },
  changes: { keys: [], added: 5210, removed: 1209, changed: null, repeated_before: 0, repeated_after: 0 },
  drift: [
    {
      column: 'dep_delay',
      type: 'float',
      psi: 0.31,
      limit: 0.25,
      drifted: true,
      why: null,
      missing_before: 0.03,
      missing_after: 0.036,
      mean_before: 11.2,
      mean_after: 12.64,
    },
    {
      column: 'carrier',
      type: 'text',
      psi: 0.002,
      limit: 0.25,
      drifted: false,
      why: null,
      missing_before: 0,
      missing_after: 0,
      mean_before: null,
      mean_after: null,
    },
  ],
}

export function difference(now: number, before: string, after: string): Reply<typeof dataSetsApi.compareData> {
  return { state: 'done', before: version(now, Number(before)), after: version(now, Number(after)), diff: DIFF }
}
