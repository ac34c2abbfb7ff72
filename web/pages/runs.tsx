/** Runs: which run is best, and why? A table of any length, filtered in MLflow's grammar; chosen runs are compared. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback } from 'react'
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
    void navigate({ search: (before) => withoutEmpty({ ...before, ...change }), replace: true })
  const offered = useOffered()
  const columns = search.columns ?? defaultColumns(offered)
  const filter = search.filter ?? ''
  const chosen = search.chosen ?? []
  return (
    <Page
      title="Runs"
      lead="Every training run that was logged. Choose some to compare them."
      actions={<CompareLink chosen={chosen} />}
    >
      <div className="row">
        <FilterBox key={filter} value={filter} offered={offered} onApply={(next) => set({ filter: next })} />
        <ExperimentSelect value={search.experiment ?? ''} onChange={(experiment) => set({ experiment })} />
        <ColumnPicker offered={offered} chosen={columns} onChange={(next) => set({ columns: next })} />
      </div>
      <RunList search={search} columns={columns} chosen={chosen} set={set} />
    </Page>
  )
}

function withoutEmpty(search: RunsSearch): RunsSearch {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value.length > 0))
}

function CompareLink({ chosen }: { chosen: string[] }) {
  if (chosen.length < 2) {
    return (
      <button type="button" className="button" disabled>
        Choose runs to compare
      </button>
    )
  }
  return (
    <Link to="/runs/compare" search={{ ids: chosen }} className="button primary">
      Compare {chosen.length} runs
    </Link>
  )
}

function ExperimentSelect({ value, onChange }: { value: string; onChange: (id: string) => void }) {
  const experiments = useQuery(read.experiments)
  return (
    <label className="row">
      Experiment
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">all</option>
        {experiments.data?.items.map((one) => (
          <option key={one.id} value={one.id}>
            {one.name}
          </option>
        ))}
      </select>
    </label>
  )
}

interface RunListProps {
  readonly search: RunsSearch
  readonly columns: readonly string[]
  readonly chosen: readonly string[]
  readonly set: (change: RunsSearch) => void
}

function RunList({ search, columns, chosen, set }: RunListProps) {
  const { filter = '', order = NEWEST, experiment = '' } = search
  const list = useInfiniteQuery(read.runs({ filter, order, experiment, columns }))
  const rows = list.data?.pages.flatMap((page) => page.items) ?? []
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list
  const readOn = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage()
  }, [hasNextPage, isFetchingNextPage, fetchNextPage])
  if (list.data === undefined) {
    return (
      <Panel title="Runs" flush>
        {list.error === null ? (
          <Waiting height={400} />
        ) : (
          <Failure what="The runs" error={list.error} retry={() => void list.refetch()} />
        )}
      </Panel>
    )
  }
  return (
    <Panel title="Runs" note={`${count(rows.length)}${hasNextPage ? ' read so far' : ''}`} flush>
      {rows.length === 0 ? (
        <NoRuns filtered={filter !== '' || experiment !== ''} />
      ) : (
        <RunTable
          rows={rows}
          columns={columns}
          order={order}
          chosen={chosen}
          onOrder={(next) => set({ order: next })}
          onChoose={(ids) => set({ chosen: ids })}
          onEnd={readOn}
        />
      )}
    </Panel>
  )
}

/** Columns that the newest run has. */
function useOffered(): string[] {
  const recent = useQuery(read.recentRuns)
  const [newest, before] = recent.data?.items ?? []
  const one = useQuery({ ...read.run(newest?.id ?? ''), enabled: newest !== undefined })
  const two = useQuery({ ...read.run(before?.id ?? ''), enabled: before !== undefined })
  const found = [one.data, two.data].flatMap((run) => (run === undefined ? [] : columnsOffered(run)))
  return [...new Set(found)]
}

function NoRuns({ filtered }: { filtered: boolean }) {
  if (filtered) return <Empty title="No run matches">Clear the filter, or choose another experiment.</Empty>
  return (
    <Empty title="No run is logged yet" commands={['eval "$(slipway env)"', 'python train.py']}>
      Every script that uses mlflow logs here: set its address and run it.
    </Empty>
  )
}
