/** R that Python reads as its own: `x <- 1` is a comparison of `x` with `-1`. */
import type { Facts } from '../facts/facts.ts'
import type { Research } from '../read/cells.ts'

/** The first assignment by an arrow to a name that nothing binds; undefined where there is none, or the file says its language. */
export function arrowOfR(
  { language }: Pick<Research, 'language'>,
  { cells, builtins }: Pick<Facts, 'cells' | 'builtins'>,
): { readonly cell: number; readonly line: number } | undefined {
  if (language !== '') return undefined
  const known = new Set(builtins)
  for (const { statements } of cells)
    for (const { binds, maybe } of statements) for (const name of [...binds, ...maybe]) known.add(name)
  for (const { id, clean, statements } of cells) {
    const bytes = Buffer.from(clean)
    for (const { kind, start, end, line } of statements) {
      const text = bytes.subarray(start, end).toString()
      const [, name] = (kind === 'Expr' && /^([A-Za-z_]\w*)(?:\.\w+)*[ \t]*<-\s/.exec(text)) || []
      if (name !== undefined && !known.has(name)) return { cell: id, line }
    }
  }
  return undefined
}
