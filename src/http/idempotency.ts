/** Calls that carry an `Idempotency-Key`: which routes support it, what makes two calls the same, and how a kept reply is sent again. */
import { hash } from 'node:crypto'
import { problem } from '../contract/errors.ts'
import { takesKey } from '../contract/route.ts'
import type { Route } from '../contract/route.ts'
import type { Call, Mounted } from './mount.ts'
import { Raw } from './mount.ts'
import { JSON_HEADERS } from './reply.ts'

/** Longest key, characters. */
const LONGEST = 255
const VISIBLE = /^[\x21-\x7e]+$/

/** The header of a reply that was given before. */
export const REPLAYED = 'idempotency-replayed'

/** Carries a keyed call out once; see `KeptReplies` of the store. */
export type Once = <R extends Whole>(
  call: { caller: string; route: string; key: string; hash: string; told: ((body: string) => string) | null },
  answer: () => Promise<R>,
) => Promise<{ replayed: false; reply: R } | { replayed: true; reply: Whole }>

interface Whole {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * The key of a call of a route that supports keys; undefined where there is none. Throws `invalid_field` for a key that is empty,
 * longer than 255 characters or not plain ASCII without spaces.
 */
export function keyOf(call: Call, { route }: Mounted): string | undefined {
  const given = call.headers['idempotency-key']
  if (given === undefined || !takesKey(route)) return undefined
  const key = String(given)
  if (key.length <= LONGEST && VISIBLE.test(key)) return key
  const expected = `1 to ${LONGEST} visible ASCII characters without spaces`
  throw problem('invalid_field', { field: 'headers.idempotency-key', value: key, expected })
}

/** Answers a keyed call: by `answer`, which never throws, or with the reply that its first call got. */
export async function answerOnce(
  once: Once,
  { call, mounted, key }: { call: Call; mounted: Mounted; key: string },
  answer: () => Promise<Raw>,
): Promise<Raw> {
  const { route } = mounted
  const { who } = call
  const ended = await once(
    {
      caller: who.token_id ?? who.id,
      route: `${route.method} ${route.path}`,
      key,
      hash: hash('sha256', JSON.stringify([call.params ?? null, call.query ?? null, call.body ?? null])),
      told: route.secret === undefined ? null : toldOf(route.secret),
    },
    async () => whole(await answer()),
  )
  const { status, headers, body } = ended.reply
  return new Raw(status, ended.replayed ? { ...headers, [REPLAYED]: 'true' } : headers, body)
}

/** What a repetition is answered in place of a reply that held a secret. */
function toldOf({ made, field }: NonNullable<Route['secret']>): (body: string) => string {
  return (body) => {
    const { id } = (JSON.parse(body) as Record<string, { id: string }>)[field] ?? { id: '' }
    return `it made the ${made} ${id}, whose secret was shown once and is kept nowhere; if that reply was lost, revoke it and make another`
  }
}

/** A route that supports keys answers with JSON, which is text; a stream could not be kept. */
function whole({ status, headers, body }: Raw): Whole {
  if (typeof body === 'string') return { status, headers, body }
  // a long list was written in slices
  if (Buffer.isBuffer(body) && headers === JSON_HEADERS) return { status, headers, body: body.toString('utf8') }
  throw new Error('a route that heeds Idempotency-Key answered with bytes')
}
