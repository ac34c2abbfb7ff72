/** A list that is read page by page: its rows, or their skeleton, or why they could not be read; and a button for more. */
import type { ReactNode } from 'react'
import { Failure, Loading } from '../page/placeholders.tsx'

/** What is used here of an infinite query. */
export interface PagedQuery<T> {
  readonly data: { readonly pages: readonly { readonly items: readonly T[] }[] } | undefined
  readonly error: Error | null
  readonly hasNextPage: boolean
  readonly isFetchingNextPage: boolean
  readonly fetchNextPage: () => Promise<unknown>
  readonly refetch: () => Promise<unknown>
}

/** The rows that were read so far. */
export function rowsOf<T>({ data }: Pick<PagedQuery<T>, 'data'>): T[] {
  return data?.pages.flatMap((page) => page.items) ?? []
}

export interface PagedListProps<T> {
  readonly list: PagedQuery<T>
  /** What is read, for the sentence of a failure: `The traces`. */
  readonly what: string
  /** Height of the skeleton in px. */
  readonly height: number
  readonly children: (rows: readonly T[]) => ReactNode
}

export function PagedList<T>({ list, what, height, children }: PagedListProps<T>) {
  if (list.data === undefined) {
    if (list.error === null) return <Loading height={height} />
    return <Failure what={what} error={list.error} retry={() => void list.refetch()} />
  }
  return (
    <>
      {children(rowsOf(list))}
      {list.hasNextPage && (
        <p style={{ padding: 12 }}>
          <button
            type="button"
            className="button"
            disabled={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage()}
          >
            Load more
          </button>
        </p>
      )}
    </>
  )
}
