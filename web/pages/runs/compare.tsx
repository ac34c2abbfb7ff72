/** Runs side by side: what differs first, seeds put together, curves on one chart, parallel axes, scatter and contour. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { searchOfSettings, settingsOf } from '../../data/runs/chart-settings.ts'
import { keysOf } from '../../data/runs/comparison.ts'
import type { Differing } from '../../data/runs/comparison.ts'
import { plural } from '../../../src/contract/text/format.ts'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { Relations } from '../../parts/compare/relations.tsx'
import { RunCharts } from '../../parts/run/run-charts.tsx'
import { SeedTable } from '../../parts/compare/seed-table.tsx'
import { SideBySide } from '../../parts/compare/side-by-side.tsx'
import type { RunRow } from '../../data/queries.ts'
import { comparison } from '../../data/runs/queries.ts'
import { present } from '../../data/address.ts'
import { seedGroups, seedParam } from '../../data/runs/seeds.ts'

const CURVES = 4
const TABLE_METRICS = 6

export function ComparePage() {
  const { ids = [] } = useSearch({ from: '/runs/compare' })
  const compared = useQuery({ ...comparison(ids), enabled: ids.length > 0 })
  return (
    <Page title={`Comparison of ${plural(ids.length, 'run')}`} crumbs={<Link to="/runs">Runs</Link>}>
      {ids.length === 0 ? (
        <Panel title="Nothing to compare" flush>
          <Empty title="No runs selected">On the Runs page, select two or more runs and press Compare.</Empty>
        </Panel>
      ) : (
        <Loaded query={compared} what="The comparison" height={480}>
          {({ runs, differing }) => <Compared runs={runs} differing={differing} />}
        </Loaded>
      )}
    </Page>
  )
}

function Compared({ runs, differing }: { runs: readonly RunRow[]; differing: Differing }) {
  const search = useSearch({ from: '/runs/compare' })
  const navigate = useNavigate({ from: '/runs/compare' })
  const guess = repeatedSeed(runs, differing)
  const seed = search.seed === 'none' ? undefined : (search.seed ?? guess)
  const metrics = keysOf(runs, 'metrics', differing.metrics)
  const groups = useMemo(
    () => (seed === undefined ? undefined : seedGroups(runs, differing.params, seed)),
    [runs, differing, seed],
  )
  const charted = useMemo(() => runs.map((run) => ({ id: run.id, label: run.name || run.id.slice(0, 8) })), [runs])
  const bands = useMemo(
    () => groups?.map((group) => ({ label: group.label, ids: group.runs.map((run) => run.id) })),
    [groups],
  )
  return (
    <>
      {differing.params.length > 0 && <SeedSelect value={seed ?? 'none'} params={differing.params} />}
      {groups !== undefined && seed !== undefined && (
        <SeedTable seed={seed} groups={groups} metrics={metrics.slice(0, TABLE_METRICS)} />
      )}
      <SideBySide runs={runs} differing={differing} />
      <RunCharts
        {...settingsOf(search)}
        runs={charted}
        groups={bands}
        metrics={metrics.slice(0, CURVES)}
        onChange={(settings) =>
          void navigate({
            search: ({ ids, x, y, z, seed: kept }) => ({
              ...present({ ids, x, y, z, seed: kept }),
              ...searchOfSettings(settings),
            }),
            replace: true,
            resetScroll: false,
          })
        }
      />
      <Relations runs={runs} differing={differing} />
    </>
  )
}

/** The param that looks like a seed, where some runs differ by it alone. */
function repeatedSeed(runs: readonly RunRow[], differing: Differing): string | undefined {
  const seed = seedParam(differing.params)
  if (seed === undefined || seedGroups(runs, differing.params, seed).length === runs.length) return undefined
  return seed
}

function SeedSelect({ value, params }: { value: string; params: readonly string[] }) {
  const navigate = useNavigate({ from: '/runs/compare' })
  return (
    <label className="row">
      Group runs that differ only by
      <select
        value={value}
        onChange={(event) => {
          const seed = event.target.value
          void navigate({ search: (before) => ({ ...before, seed }), replace: true, resetScroll: false })
        }}
      >
        <option value="none">no param: show each run</option>
        {params.map((param) => (
          <option key={param}>{param}</option>
        ))}
      </select>
    </label>
  )
}
