/** What other people's code inherits of the server's environment: how to find programs, the network and the hardware, and no secret. */

/**
 * What is the same on each machine for steps, models and proofs: language and zone, for results depend on them and no key holds them, and no
 * reports of ONNX Runtime to its makers (https://onnxruntime.ai/docs, "Telemetry").
 */
export const ALIKE: Readonly<Record<string, string>> = { LANG: 'C.UTF-8', TZ: 'UTC', ORT_DISABLE_TELEMETRY: '1' }

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
