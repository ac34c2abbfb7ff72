/** The button under a list that is read page by page. */

/** What is used here of an infinite query. */
interface Paged {
  readonly hasNextPage: boolean
  readonly isFetchingNextPage: boolean
  readonly fetchNextPage: () => Promise<unknown>
}

/** Nothing where the list is read to its end. */
export function LoadMore({ list }: { list: Paged }) {
  if (!list.hasNextPage) return null
  return (
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
  )
}
