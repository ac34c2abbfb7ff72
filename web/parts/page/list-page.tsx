/** A page that is one list: its title, and one panel with the items, or with what brings the first. */
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Page, Panel } from './page.tsx'
import { Loaded } from './placeholders.tsx'

export interface ListPageProps<Item> {
  readonly title: string
  readonly lead: string
  /** Title of the panel where it is another. */
  readonly panel?: string
  readonly note?: string
  readonly query: UseQueryResult<{ readonly items: readonly Item[] }>
  /** What is read, for the sentence of a failure: `The runs`; by default the panel's title. */
  readonly what?: string
  /** Height of the skeleton in px. */
  readonly height?: number
  /** Stands where no item is. */
  readonly empty: ReactNode
  /** Stands above the list. */
  readonly above?: ReactNode
  readonly children: (items: readonly Item[]) => ReactNode
}

export function ListPage<Item>(props: ListPageProps<Item>) {
  const { title, lead, panel = title, note, query, empty, children } = props
  const { what = `The ${panel.toLowerCase()}`, height = 240 } = props
  return (
    <Page title={title} lead={lead}>
      {props.above}
      <Panel title={panel} note={note} flush>
        <Loaded query={query} what={what} height={height}>
          {({ items }) => (items.length === 0 ? empty : children(items))}
        </Loaded>
      </Panel>
    </Page>
  )
}
