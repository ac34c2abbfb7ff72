/** Why a server's certificate is not taken because of the time: its dates are looked at once more, to be told beside this machine's clock. */
import { isIP } from 'node:net'
import { connect } from 'node:tls'
import type { DetailedPeerCertificate } from 'node:tls'
import { clockWords, isByTime, minute } from './clock.ts'

/** Where the certificate is shown. */
export interface Shown {
  readonly url: URL
  /** The address that the call was pinned to; without it the name is looked up. */
  readonly address?: string
}

/** Longest wait for the second look, ms. */
const LOOK_MS = 3000

/**
 * The message of an error, and for a certificate that does not hold now its dates and the time of this machine. The dates are read by a
 * connection over which nothing is sent; where that gives none they are left out.
 */
export async function certificateWords(error: Error, where: Shown, now = Date.now()): Promise<string> {
  if (!isByTime(error)) return error.message
  const chain = await chainAt(where)
  const index = chain.findIndex(({ from, to }) => now < from || now > to)
  const wrong = chain[index]
  // nothing of its text is repeated: whoever shows it has written it
  const whose = index === 0 ? 'its certificate' : 'a certificate of its chain'
  const dates = wrong && `${whose} holds from ${minute(wrong.from)} to ${minute(wrong.to)}, and `
  return clockWords(error, now, dates)
}

interface Dates {
  readonly from: number
  readonly to: number
}

/** The server's own certificate first; none where it shows none. */
async function chainAt({ url, address }: Shown): Promise<Dates[]> {
  const name = url.hostname.replace(/^\[|\]$/g, '')
  const socket = connect({
    host: address ?? name,
    port: url.port === '' ? 443 : Number(url.port),
    ...(isIP(name) === 0 && { servername: name }),
    // that it is not to be trusted is known: it is looked at alone
    rejectUnauthorized: false,
  })
  const { promise, resolve } = Promise.withResolvers<Dates[]>()
  socket.setTimeout(LOOK_MS, () => resolve([]))
  socket.once('error', () => resolve([]))
  socket.once('secureConnect', () => resolve(datesOf(socket.getPeerCertificate(true))))
  try {
    return await promise
  } finally {
    socket.destroy()
  }
}

function datesOf(first: DetailedPeerCertificate | undefined): Dates[] {
  const chain = new Set<DetailedPeerCertificate>()
  // one that signed itself is its own issuer
  for (let one = first; one?.valid_from !== undefined && !chain.has(one); one = one.issuerCertificate) chain.add(one)
  return [...chain].map(({ valid_from, valid_to }) => ({ from: Date.parse(valid_from), to: Date.parse(valid_to) }))
}
