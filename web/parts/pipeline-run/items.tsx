/** The items of a step: a bar of their states, a table of those in one state or all, and the log of the one that is chosen. */
import { useState } from 'react'
import { useInfiniteQuery } from '@tanstack/react-query'
import { itemText } from '../../../src/contract/values/item-text.ts'
import { count, duration, sentence } from '../../../src/contract/text/format.ts'
import { statesOf, stepItems } from '../../data/pipelines/items.ts'
import type { Item, ItemState } from '../../data/pipelines/items.ts'
import type { Step } from '../../data/queries.ts'
import { toneOf } from '../../data/tones.ts'
import { Panel } from '../page/page.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'
import { PagedList } from '../table/paged-list.tsx'
import { LiveLog } from '../text/live-log.tsx'

type Items = NonNullable<Step['items']>

export function ItemPanels({ run, step, items }: { run: string; step: Step; items: Items }) {
  const [state, setState] = useState<ItemState | ''>('')
  const [chosen, choose] = useState<Item | undefined>(undefined)
  const list = useInfiniteQuery(stepItems(run, step.name, state))
  return (
    <>
      <Panel
        title={`Items of ${step.name}`}
        note={
          items.count === 0 ? 'over nothing' : `${count(items.count)}, of which ${count(items.needed)} must succeed`
        }
        flush
      >
        {items.count > 0 && <States items={items} state={state} pick={setState} />}
        <PagedList list={list} what="The items" height={200}>
          {(rows) => <ItemTable rows={rows} chosen={chosen?.number} choose={choose} />}
        </PagedList>
      </Panel>
      {chosen !== undefined && (
        <Panel title={`Log of ${chosen.name}`} note={<code>{itemText(chosen.item)}</code>}>
          <LiveLog
            key={`${run} ${chosen.name}`}
            run={run}
            step={step.name}
            item={chosen.number}
            running={chosen.finished_at === null}
          />
        </Panel>
      )}
    </>
  )
}

/** How items stand: the bar, and a button for each state that shows those alone. */
function States({
  items,
  state,
  pick,
}: {
  items: Items
  state: ItemState | ''
  pick: (state: ItemState | '') => void
}) {
  const found = statesOf(items)
  return (
    <div className="item-states">
      <div className="bar" aria-hidden="true">
        {found.map(({ state: one, n }) => (
          <i key={one} className={`tone-${toneOf(one)}`} style={{ width: `${(100 * n) / items.count}%` }} />
        ))}
      </div>
      <p className="item-picks">
        {found.map(({ state: one, n }) => (
          <button
            key={one}
            type="button"
            className="button"
            aria-pressed={one === state}
            onClick={() => pick(one === state ? '' : one)}
          >
            <Status word={one} label={`${count(n)} ${one}`} />
          </button>
        ))}
      </p>
    </div>
  )
}

interface TableProps {
  readonly rows: readonly Item[]
  readonly chosen: number | undefined
  readonly choose: (item: Item) => void
}

function ItemTable({ rows, chosen, choose }: TableProps) {
  if (rows.length === 0) return <p className="empty">No items.</p>
  return (
    <DataTable headings={[['Item', 'num'], 'Value', 'State', 'Why', ['Attempts', 'num'], ['Duration', 'num']]}>
      {rows.map((item) => (
        <tr key={item.number} aria-current={item.number === chosen ? 'true' : undefined}>
          <td className="num">
            {item.attempts.length === 0 ? (
              count(item.number)
            ) : (
              <button
                type="button"
                className="button quiet"
                title={`The log of ${item.name}`}
                onClick={() => choose(item)}
              >
                {count(item.number)}
              </button>
            )}
          </td>
          <td className="break">
            <code>{itemText(item.item)}</code>
          </td>
          <td>
            <Status word={item.state} />
          </td>
          <td className="break">{whyOf(item)}</td>
          <td className="num">{count(item.attempts.length)}</td>
          <td className="num">{duration(item.state === 'cached' ? null : item.duration_ms)}</td>
        </tr>
      ))}
    </DataTable>
  )
}

function whyOf({ failure, skipped, cache }: Item): string {
  if (failure !== null) return `${failure.class}: ${failure.message}`
  return sentence(skipped ?? cache?.reason ?? '')
}
