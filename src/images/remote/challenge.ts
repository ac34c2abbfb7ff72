/** What a registry asks for when it answers 401: a password, or a token of a server that it names. */

export interface Challenge {
  readonly scheme: 'basic' | 'bearer'
  readonly realm: string
  readonly service: string | undefined
  readonly scope: string | undefined
}

const PARAM = /([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g

/** The challenge of a `WWW-Authenticate` header; the one for a token where there are several. Undefined for what is not known. */
export function readChallenge(header: string | undefined): Challenge | undefined {
  if (header === undefined || header.length > 8192) return undefined
  const found = [...header.matchAll(/(?:^|,\s*)(Basic|Bearer)(?:\s+|$)/gi)].map((match, i, all) => {
    const text = header.slice((match.index ?? 0) + match[0].length, all[i + 1]?.index)
    const params = new Map(
      [...text.matchAll(PARAM)].map(([, key = '', quoted, plain]) => [
        key.toLowerCase(),
        quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '',
      ]),
    )
    const scheme = (match[1] ?? '').toLowerCase() === 'bearer' ? ('bearer' as const) : ('basic' as const)
    return { scheme, realm: params.get('realm') ?? '', service: params.get('service'), scope: params.get('scope') }
  })
  return (
    found.find(({ scheme, realm }) => scheme === 'bearer' && realm !== '') ??
    found.find(({ scheme }) => scheme === 'basic')
  )
}
