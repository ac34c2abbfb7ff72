/** Recorded reproductions for the browser tests, shaped by the contract. */
import type { attestationsApi } from '../../src/contract/pipelines/attestations.ts'
import type { reproductionsApi } from '../../src/contract/pipelines/reproductions.ts'
import type { Reply } from '../../src/contract/route.ts'

type Reproducible = Reply<typeof reproductionsApi.listReproducible>['items'][number]

type Attestations = Reply<typeof attestationsApi.listAttestations>

const DAY_MS = 86_400_000
const at = (ms: number): string => new Date(ms).toISOString()

/** One that came out as before, one that fell, one that was skipped, and one that nobody has made again. */
export function recordedReproducible(now: number): Reproducible[] {
  const ended = at(now - 2 * DAY_MS)
  const same = { version: '12', detail: 'all outputs have the same bytes', run: 'pr_01m8a', at: ended }
  return [
    {
      model: 'churn',
      version: '12',
      run: 'pr_01k2a',
      grade: 'A',
      verdict: 'ready',
      rot: [],
      last: { ...same, state: 'graded', grade: 'A', grade_before: 'A', fallen: false },
    },
    {
      model: 'flights',
      version: '4',
      run: 'pr_01k2b',
      grade: 'C',
      verdict: 'rot',
      rot: [
        { kind: 'source', what: 'file /srv/data/airports.csv is gone, which step "features" read' },
        { kind: 'secret', what: 'the secret WAREHOUSE of step "load"' },
      ],
      last: {
        version: '4',
        state: 'graded',
        detail: 'step "train": auc 0.8127 then 0.7931',
        run: 'pr_01m8b',
        grade: 'C',
        grade_before: 'A',
        fallen: true,
        at: ended,
      },
    },
    {
      model: 'prices',
      version: '7',
      run: 'pr_01k2c',
      grade: null,
      verdict: 'ready',
      rot: [],
      last: {
        version: '6',
        state: 'skipped',
        detail: 'its proof ended as cancelled',
        run: 'pr_01m8c',
        grade: null,
        grade_before: null,
        fallen: false,
        at: ended,
      },
    },
    {
      model: 'uploads',
      version: '1',
      run: null,
      grade: null,
      verdict: 'rot',
      rot: [{ kind: 'lineage', what: 'no pipeline run made it' }],
      last: null,
    },
  ]
}

export function recordedReproductions(now: number): Reply<typeof reproductionsApi.getSchedule>['schedule'] {
  const times = { next_at: at(now + 5 * DAY_MS), last_at: at(now - 2 * DAY_MS) }
  return { cron: '0 3 * * 0', timezone: 'Europe/Berlin', alias: 'production', ...times }
}

const KEY = 'c0ffee5e'.repeat(8)

/** Of version 2 one that holds, one that fell and one that was changed; of version 3 none yet; signing is off for the others. */
export function recordedAttestations(now: number, version: string, empty: boolean): Attestations {
  if (empty || !['2', '3'].includes(version)) return { items: [], signing_key: null }
  const one = (days: number, grade: 'A' | 'C', fault: string | null = null): Attestations['items'][number] => {
    const [run, time] = [`pr_01m8${days}`, at(now - days * DAY_MS)]
    const said = { model: 'flight-delay', version, detail: 'every output has the same bytes', of_run: 'pr_01k2', run }
    const first = grade === 'A' ? null : 'train'
    return {
      predicate_type: 'https://slipway.dev/reproduction/v1',
      run,
      key: KEY,
      at: time,
      bundle: '{}',
      fault,
      says: {
        ...said,
        grade,
        first_divergent_step: first,
        missing: [],
        tolerance: 0,
        rules: 3,
        compared: [],
        at: time,
      },
    }
  }
  const items = [one(1, 'C'), one(8, 'A'), one(15, 'A', 'its content was changed after it was signed')]
  return { items: version === '2' ? items : [], signing_key: KEY }
}
