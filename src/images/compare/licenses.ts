/** Licences of packages, by what they say of themselves in the files that are installed with them. */

/** As CycloneDX 1.6 has it: an expression of SPDX, or a name that is none. */
export type License = { readonly expression: string } | { readonly license: { readonly name: string } }

/** Longer texts are licences themselves, and no names of them. */
const LONGEST_NAME = 100
/** SPDX 2.3, annex D, as far as its form tells. */
const EXPRESSION = /^\(*[A-Za-z0-9.+-]+\)*(?: (?:AND|OR|WITH) \(*[A-Za-z0-9.+-]+\)*)*$/

/** Of a METADATA file of Python: `License-Expression` (PEP 639), else its classifiers, else `License` where that is a name. */
export function pythonLicenses(metadata: string): License[] {
  const head = metadata.split(/\r?\n\r?\n/)[0] ?? ''
  const expression = /^License-Expression: *(\S.*?)\r?$/m.exec(head)?.[1]
  if (expression !== undefined) return [{ expression }]
  const classifiers = [...head.matchAll(/^Classifier: License :: (?:OSI Approved :: )?(.+?)\r?$/gm)].map(
    ([, name = '']) => name,
  )
  const known = classifiers.filter((name) => name !== 'OSI Approved')
  if (known.length > 0) return known.map(named)
  const said = /^License: *(\S.*?)\r?$/m.exec(head)?.[1]
  const isText =
    /^License: .*\r?\n[ \t]/m.test(head) || said === undefined || said.length > LONGEST_NAME || said === 'UNKNOWN'
  return isText ? [] : [spdxOr(said)]
}

/** Of a package.json, whoever wrote it: `license`, or the types of the older forms. */
export function npmLicenses(text: string): License[] {
  const plain = /^ {0,8}"license": *"([^"]+)"/m.exec(text)?.[1]
  const older = /^ {0,8}"licenses?": *(?:\[[^\]]*\]|\{[^}]*\})/m.exec(text)?.[0] ?? ''
  const names = plain === undefined ? [...older.matchAll(/"type": *"([^"]+)"/g)].map(([, name = '']) => name) : [plain]
  return names.filter((name) => name.length <= LONGEST_NAME).map(spdxOr)
}

/**
 * Of a copyright file of Debian: the short names of its paragraphs in the machine-readable form (DEP 5), else the licences that its text
 * names by their files in `/usr/share/common-licenses` (Debian Policy 12.5).
 */
export function debianLicenses(copyright: string): License[] {
  const isMachineReadable = /^Format(?:-Specification)?: *\S*(?:copyright-format|dep5)/im.test(copyright)
  const said = isMachineReadable
    ? /^License: *(\S.*?)\r?$/gm
    : /\/usr\/share\/common-licenses\/([A-Za-z0-9.+-]*[A-Za-z0-9+])/g
  const names = [...copyright.matchAll(said)].map(([, name = '']) => name)
  return [...new Set(names)].filter((name) => name.length <= LONGEST_NAME).map(named)
}

/** A document may have one expression, or names, and not both. */
export function forDocument(licenses: readonly License[]): License[] {
  if (licenses.length <= 1) return [...licenses]
  return licenses.map((one) => ('expression' in one ? named(one.expression) : one))
}

function spdxOr(name: string): License {
  return EXPRESSION.test(name) ? { expression: name } : named(name)
}

function named(name: string): License {
  return { license: { name } }
}
