/** A panel of named values: many of them scroll inside it, and a field narrows them down. */
import { useState } from 'react'
import type { ReactNode } from 'react'
import { count } from '../../../src/contract/text/format.ts'
import { Panel } from '../page/page.tsx'

export interface FilterablePanelProps<T> {
  readonly title: string
  readonly note?: string
  readonly items: readonly T[]
  /** What of an item is searched. */
  readonly textOf: (item: T) => string
  /** True for a table that reaches the panel's edge. */
  readonly flush?: boolean
  readonly children: (items: readonly T[]) => ReactNode
}

/** More than these are offered a field. */
const FEW = 15

export function FilterablePanel<T>({ title, note, items, textOf, flush = false, children }: FilterablePanelProps<T>) {
  const [text, setText] = useState('')
  const many = items.length > FEW
  const wanted = text.trim().toLowerCase()
  const found = many && wanted !== '' ? items.filter((item) => textOf(item).toLowerCase().includes(wanted)) : items
  const told = found.length === items.length ? note : `${count(found.length)} of ${count(items.length)}`
  return (
    <Panel
      title={title}
      {...(told !== undefined && { note: told })}
      flush={flush}
      long={many}
      tools={
        many && (
          <input
            type="search"
            className="filter-field"
            aria-label={`Find in ${title}`}
            placeholder={`Find in ${count(items.length)}`}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        )
      }
    >
      {found.length === 0 && items.length > 0 ? <p className="empty">No match for “{text}”.</p> : children(found)}
    </Panel>
  )
}
