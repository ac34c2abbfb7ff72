/** Whether a call of a trigger is signed with its secret: as Standard Webhooks say, as GitHub does, or with GitLab's token. Pure. */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** How far the time of a call may lie from now, ms. */
export const WINDOW_MS = 300_000

/** What a secret begins with; the rest is its bytes in base64. */
export const SECRET_PREFIX = 'whsec_'

type Headers = Readonly<Record<string, string | string[] | undefined>>

export interface Call {
  readonly headers: Headers
  readonly body: Buffer
}

/** `delivery` is the sender's name of the call. */
export type Judged = { readonly delivery: string } | { readonly refused: string; readonly delivery: string }

/** By the form that the headers show; GitHub and GitLab have theirs, and no time in it. */
export function judgeCall(call: Call, secret: string, now: number, host: 'github' | 'gitlab' | undefined): Judged {
  if (header(call, 'webhook-signature') !== undefined) return judgeStandard(call, secret, now)
  if (host === 'github') return judgeGitHub(call, secret)
  if (host === 'gitlab') return judgeGitLab(call, secret)
  return { delivery: '', refused: 'the header webhook-signature is missing' }
}

/** https://www.standardwebhooks.com: `v1,` and the HMAC-SHA256 of `id.seconds.body` in base64; several with blanks between them. */
function judgeStandard(call: Call, secret: string, now: number): Judged {
  const delivery = header(call, 'webhook-id') ?? ''
  const seconds = header(call, 'webhook-timestamp') ?? ''
  if (!/^[\x21-\x7e]{1,200}$/.test(delivery))
    return { delivery: '', refused: 'the header webhook-id is missing or no plain text of up to 200 signs' }
  if (!/^\d{1,12}$/.test(seconds))
    return { delivery, refused: 'the header webhook-timestamp is not in seconds since 1970' }
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
  const mac = createHmac('sha256', key).update(`${delivery}.${seconds}.`).update(call.body).digest('base64')
  const given = (header(call, 'webhook-signature') ?? '').split(' ')
  if (!given.some((one) => isEqual(one, `v1,${mac}`))) return { delivery, refused: NOT_SIGNED }
  if (Math.abs(now - Number(seconds) * 1000) > WINDOW_MS)
    return { delivery, refused: `its time is more than ${WINDOW_MS / 60_000} minutes from that of the server` }
  return { delivery }
}

const NOT_SIGNED = 'its signature is not one with the secret of the trigger'

function judgeGitHub(call: Call, secret: string): Judged {
  const delivery = (header(call, 'x-github-delivery') ?? '').slice(0, 200)
  const mac = createHmac('sha256', secret).update(call.body).digest('hex')
  const given = header(call, 'x-hub-signature-256')
  if (given === undefined) return { delivery, refused: 'the header x-hub-signature-256 is missing' }
  return isEqual(given, `sha256=${mac}`) ? { delivery } : { delivery, refused: NOT_SIGNED }
}

function judgeGitLab(call: Call, secret: string): Judged {
  const delivery = (header(call, 'x-gitlab-event-uuid') ?? '').slice(0, 200)
  const given = header(call, 'x-gitlab-token')
  if (given === undefined) return { delivery, refused: 'the header x-gitlab-token is missing' }
  return isEqual(given, secret) ? { delivery } : { delivery, refused: 'its token is not the secret of the trigger' }
}

function header({ headers }: Pick<Call, 'headers'>, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

/** In a time that says nothing of where they differ. */
function isEqual(given: string, wanted: string): boolean {
  const [a, b] = [given, wanted].map((text) => createHmac('sha256', 'compared').update(text).digest())
  return a !== undefined && b !== undefined && timingSafeEqual(a, b)
}
