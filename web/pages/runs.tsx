/** Runs: which run is best, and why? A table of any length, filtered in MLflow's grammar; chosen runs are compared. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { count } from '../format.ts'
import { ColumnPicker } from '../parts/column-picker.tsx'
import { Empty, Failure, Waiting } from '../parts/failure.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
import { Page, Panel } from '../parts/page.tsx'
import { RunTable } from '../parts/run-table.tsx'
import * as read from '../queries.ts'
import { columnsOffered, defaultColumns, NEWEST } from '../run-columns.ts'
import type { RunsSearch } from '../search.ts'

export function RunsPage() {
  const search = useSearch({ from: '/runs' })
  const navigate = useNavigate({ from: '/runs' })
  const set = (change: RunsSearch): void =>
    void navigate({
      search: (before) =>
        Object.fromEntries(
          Object.entries({ ...before, ...change }).filter(
            ([, value]) => value !== undefined && value !== '' && value.length > 0,
          ),
        ),
      replace: true,
    })
  const experiments = useQuery(read.experiments)
  const offered = useOffered()
  const columns = search.columns ?? defaultColumns(offered)
  const ask = {
    filter: search.filter ?? '',
    order: search.order ?? NEWEST,
    experiment: search.experiment ?? '',
    columns,
  }
  const list = useInfiniteQuery(read.runs(ask))
  const rows = list.data?.pages.flatMap((page) => page.items) ?? []
  const chosen = search.chosen ?? []
  return (
    <Page
      title="Runs"
      lead="Every training run that was logged. Choose some to compare them."
      actions={
        <Link
          to="/runs/compare"
          search={{ ids: chosen }}
          className="button primary"
          disabled={chosen.length < 2}
          aria-disabled={chosen.length < 2}
        >
          {chosen.length < 2 ? 'Choose runs to compare' : `Compare ${chosen.length} runs`}
        </Link>
      }
    >
      <div className="row">
        <FilterBox key={ask.filter} value={ask.filter} offered={offered} onApply={(filter) => set({ filter })} />
        <label className="row">
          Experiment
          <select value={ask.experiment} onChange={(event) => set({ experiment: event.target.value })}>
            <option value="">all</option>
            {experiments.data?.items.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
        <ColumnPicker offered={offered} chosen={columns} onChange={(next) => set({ columns: next })} />
      </div>
      <Panel
        title="Runs"
        note={list.data === undefined ? '' : `${count(rows.length)}${list.hasNextPage ? ' read so far' : ''}`}
        flush
      >
        {list.error !== null && list.data === undefined ? (
          <Failure what="The runs" error={list.error} retry={() => void list.refetch()} />
        ) : list.data === undefined ? (
          <Waiting height={400} />
        ) : rows.length === 0 ? (
          <NoRuns filtered={ask.filter !== '' || ask.experiment !== ''} />
        ) : (
          <RunTable
            rows={rows}
            columns={columns}
            order={ask.order}
            chosen={chosen}
            onOrder={(order) => set({ order })}
            onChoose={(ids) => set({ chosen: ids })}
            onEnd={() => {
              if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage()
            }}
          />
        )}
      </Panel>
    </Page>
  )
}

/** Columns that the newest run has. */
function useOffered(): string[] {
  const recent = useQuery(read.recentRuns)
  const [first, ...others] = recent.data?.items ?? []
  const [kept] = useState(() => new Set<string>())
  const one = useQuery({ ...read.run(first?.id ?? ''), enabled: first !== undefined })
  const before = useQuery({ ...read.run(others[0]?.id ?? ''), enabled: others[0] !== undefined })
  for (const run of [one.data, before.data])
    if (run !== undefined) for (const column of columnsOffered(run)) kept.add(column)
  return [...kept]
}

function NoRuns({ filtered }: { filtered: boolean }) {
  if (filtered) return <Empty title="No run matches">Clear the filter, or choose another experiment.</Empty>
  return (
    <Empty title="No run is logged yet" commands={['eval "$(slipway env)"', 'python train.py']}>
      Every script that uses mlflow logs here: set its address and run it.
    </Empty>
  )
}
