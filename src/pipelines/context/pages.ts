/** Pages of lists that are sorted by time and id. */
import { problem } from '../../contract/errors.ts'

/** The position that a token names, undefined without one. Throws `invalid_field`. */
export function parseToken(token: string | undefined): [number, string] | undefined {
  if (token === undefined) return undefined
  const match = /^(\d{1,16})\.([\w-]{1,128})$/.exec(Buffer.from(token, 'base64url').toString('utf8'))
  if (match === null)
    throw problem('invalid_field', { field: 'query.page_token', value: token, expected: 'a token of a page' })
  return [Number(match[1]), match[2] ?? '']
}

/** A page of rows, of which one more than the limit was read where there are more. */
export function pageOf<R extends { created_at: number; id: string }, V>(
  rows: readonly R[],
  limit: number,
  view: (row: R) => V,
): { items: V[]; next_page_token?: string } {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return {
    items: rows.slice(0, limit).map(view),
    ...(last && { next_page_token: Buffer.from(`${last.created_at}.${last.id}`).toString('base64url') }),
  }
}
