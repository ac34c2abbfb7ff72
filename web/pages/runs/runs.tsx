/** Runs: which run is best, and why? A table of any length, filtered in MLflow's grammar; chosen runs are compared. */
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import { count } from '../../../src/contract/text/format.ts'
import { SelectionActions } from '../../parts/runs/selection-actions.tsx'
import { ColumnPicker } from '../../parts/runs/column-picker.tsx'
import { Empty, Failure, Loading } from '../../parts/page/placeholders.tsx'
import { FilterBox } from '../../parts/runs/filter-box.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { RunGroups } from '../../parts/runs/run-groups.tsx'
import { RunTable } from '../../parts/runs/run-table.tsx'
import { GroupSelect, SparkSelect, StageSelect } from '../../parts/runs/run-view.tsx'
import { SaveCsv } from '../../parts/runs/save-csv.tsx'
import { SavedViews } from '../../parts/runs/saved-views.tsx'
import * as read from '../../data/queries.ts'
import { columnsOffered, defaultColumns, NEWEST, titleOf } from '../../data/runs/columns.ts'
import type { Keys } from '../../data/runs/columns.ts'
import { runKeys } from '../../data/runs/queries.ts'
import type { RunsSearch } from '../../data/address.ts'

export function RunsPage() {
  const search = useSearch({ from: '/runs' })
  const navigate = useNavigate({ from: '/runs' })
  const set = (change: RunsSearch): void =>
    void navigate({ search: (before) => withoutEmpty({ ...before, ...change }), replace: onlyChosen(change) })
  const { filter = '', experiment = '', order = NEWEST, chosen = [], stage } = search
  const keys = useQuery({ ...runKeys(experiment), placeholderData: keepPreviousData })
  const columns = search.columns ?? usualColumns(keys.data?.newest)
  const ready = search.columns !== undefined || !keys.isPending
  const spark = search.spark ?? titleOf(columns.find((column) => column.startsWith('metrics.')) ?? '')
  return (
    <Page
      title="Runs"
      lead={
        <>
          Every training run that was logged, by <Link to="/experiments">experiment</Link>. Select runs to compare them.
        </>
      }
      actions={
        <>
          <SavedViews
            search={{ ...search, columns: [...columns] }}
            onOpen={(view) => void navigate({ search: view })}
          />
          <SelectionActions chosen={chosen} deleted={stage === 'deleted'} onGone={() => set({ chosen: [] })} />
        </>
      }
    >
      <Toolbar search={search} keys={keys.data} columns={columns} spark={spark} set={set} />
      {search.group === undefined ? (
        <RunList ready={ready} search={search} columns={columns} spark={spark} chosen={chosen} set={set} />
      ) : (
        <RunGroups
          by={search.group}
          filter={filter}
          order={order}
          experiment={experiment}
          columns={columns}
          stage={stage}
        />
      )}
    </Page>
  )
}

/** A row that was ticked is not a step to go back from; another filter is. */
function onlyChosen(change: RunsSearch): boolean {
  return Object.keys(change).every((key) => key === 'chosen')
}

interface ToolbarProps {
  readonly search: RunsSearch
  readonly keys: Keys | undefined
  readonly columns: readonly string[]
  readonly spark: string
  readonly set: (change: RunsSearch) => void
}

function Toolbar({ search, keys, columns, spark, set }: ToolbarProps) {
  const { filter = '', experiment = '', group = '' } = search
  const offered = useMemo(() => (keys === undefined ? [] : columnsOffered(keys)), [keys])
  return (
    <div className="row toolbar">
      <FilterBox key={filter} value={filter} offered={offered} onApply={(next) => set({ filter: next })} />
      <ExperimentSelect value={experiment} onChange={(next) => set({ experiment: next })} />
      <GroupSelect value={group} offered={offered} onChange={(next) => set({ group: next })} />
      {group === '' && (
        <SparkSelect value={spark} metrics={keys?.metrics ?? []} onChange={(next) => set({ spark: next })} />
      )}
      <StageSelect value={search.stage} onChange={(stage) => set({ stage, chosen: [] })} />
      <ColumnPicker offered={offered} chosen={columns} onChange={(next) => set({ columns: next })} />
    </div>
  )
}

function withoutEmpty(search: RunsSearch): RunsSearch {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value.length > 0))
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
  /** False while it is not known which columns are to be read. */
  readonly ready: boolean
  readonly search: RunsSearch
  readonly columns: readonly string[]
  readonly spark: string
  readonly chosen: readonly string[]
  readonly set: (change: RunsSearch) => void
}

function RunList({ ready, search, columns, spark, chosen, set }: RunListProps) {
  const { filter = '', order = NEWEST, experiment = '', stage } = search
  const ask = { filter, order, experiment, columns, stage }
  const list = useInfiniteQuery({ ...read.runs(ask), enabled: ready })
  const rows = list.data?.pages.flatMap((page) => page.items) ?? []
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list
  const readOn = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage()
  }, [hasNextPage, isFetchingNextPage, fetchNextPage])
  if (list.data === undefined) {
    return (
      <Panel title="Runs" flush>
        {list.error === null ? (
          <Loading height={400} />
        ) : (
          <Failure what="The runs" error={list.error} retry={() => void list.refetch()} />
        )}
      </Panel>
    )
  }
  return (
    <Panel
      title={stage === 'deleted' ? 'Deleted runs' : 'Runs'}
      note={`${count(rows.length)}${hasNextPage ? ' loaded so far' : ''}`}
      tools={rows.length > 0 && <SaveCsv ask={ask} />}
      flush
    >
      {rows.length === 0 ? (
        <NoRuns filtered={filter !== '' || experiment !== ''} deleted={stage === 'deleted'} />
      ) : (
        <RunTable
          rows={rows}
          columns={columns}
          spark={spark === '' || spark === 'none' ? undefined : spark}
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

/** The first columns of the newest run. */
function usualColumns(newest: { metrics: string[]; params: string[] } | undefined): string[] {
  return newest === undefined ? [] : defaultColumns(columnsOffered({ ...newest, tags: [] }))
}

function NoRuns({ filtered, deleted }: { filtered: boolean; deleted: boolean }) {
  if (deleted) return <Empty title="No deleted runs">Deleted runs stay in the bin until retention removes them.</Empty>
  if (filtered) return <Empty title="No runs match">Clear the filter, or choose another experiment.</Empty>
  return (
    <Empty title="No runs yet" commands={['eval "$(slipway env)"', 'python train.py']}>
      Scripts that use mlflow log here: set the server address as below and run one.
    </Empty>
  )
}
