/** What other people's code inherits of the server's environment: how to find programs, the network and the hardware, and no secret. */

const EVERYWHERE = 'PATH HOME USER LANG SSL_CERT_FILE SSL_CERT_DIR'

/** The variables of this process that every program gets, and those that are named: words, where `*` ends a prefix. */
export function inherited(more = ''): Record<string, string> {
  const names = `${EVERYWHERE} ${more}`.split(' ').filter((name) => name !== '')
  const exact = new Set(names)
  const prefixes = names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1))
  const kept: Record<string, string> = {}
  // the system is asked for each value, so only for those that are kept
  for (const name of Object.keys(process.env)) {
    if (!exact.has(name) && !prefixes.some((prefix) => name.startsWith(prefix))) continue
    const value = process.env[name]
    if (value !== undefined) kept[name] = value
  }
  return kept
}
