/** Addresses of webhooks, which are secrets: which are names of variables, and what of the others is shown. */

/** An address that lies in a variable of the server's environment: the settings name it and hold no secret. */
export const NAMED_ADDRESS = /^\$SLIPWAY_WEBHOOK_[A-Z0-9_]{1,64}$/

/** What stands for the part of an address that is not shown. */
export const HIDDEN = '***'

/** An address without user, path, query and fragment: each may be all that keeps others out. */
export function maskedUrl(address: string): string {
  if (NAMED_ADDRESS.test(address)) return address
  const url = URL.parse(address)
  if (url === null || url.host === '') return HIDDEN
  const isBare = url.pathname === '/' && url.search === '' && url.hash === '' && url.username + url.password === ''
  return isBare ? `${url.protocol}//${url.host}/` : `${url.protocol}//${url.host}/${HIDDEN}`
}
