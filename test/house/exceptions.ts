/**
 * Where the tree does not keep a rule of `rules.ts` yet: `place | rule | what`, sorted, with a heading for each room. The
 * list may only shrink: a line that no longer holds fails the test until it is deleted, and no line is added to make a new
 * breach pass. `npm run figures -- --exceptions` rewrites it after files were moved; read its diff.
 */

/** Two folders that may import each other, and why; five pairs at most. */
export const FOLDER_PAIRS: readonly { readonly pair: string; readonly reason: string }[] = [
  {
    pair: 'src/store <-> src/store/blobs',
    reason: 'the interface of the store and its faults lie at the top, and open.ts there joins the drivers below',
  },
  { pair: 'src/store <-> src/store/postgres', reason: 'as src/store/blobs' },
  { pair: 'src/store <-> src/store/sqlite', reason: 'as src/store/blobs' },
]

const LINES = `
`

/** The lines of the list. */
export const EXCEPTIONS: readonly string[] = LINES.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
