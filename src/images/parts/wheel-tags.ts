/** What a wheel says that it is for: Python, ABI and platform (PEP 425, 600, 656). */

/** Where wheels are to run: Linux with glibc. */
export interface Place {
  /** For example 3.11. */
  readonly python: string
  /** For example x86_64. */
  readonly machine: string
  /** Of the C library, as 2_28. */
  readonly glibc: string
}

/** The C library that the names by year stand for. */
const BY_YEAR: Readonly<Record<string, string>> = { manylinux1: '2_5', manylinux2010: '2_12', manylinux2014: '2_17' }

/** Whether a wheel with this tag can run there. An ABI of one Python is held against that Python; all else that is not known is not refused. */
export function fits(tag: string, { python, machine, glibc }: Place): boolean {
  const [, abi = '', platform = ''] = tag.split('-')
  const own = /^cp\d+/.exec(abi)?.[0]
  if (own !== undefined && own !== `cp${python.replace('.', '')}`) return false
  if (platform === 'any') return true
  const end = `_${machine}`
  if (!platform.endsWith(end)) return false
  const system = platform.slice(0, -end.length)
  return system === 'linux' || isOld(BY_YEAR[system] ?? /^manylinux_(\d+_\d+)$/.exec(system)?.[1], glibc)
}

/** Whether a version of the C library is that one or before it, of the same main version. */
function isOld(wanted: string | undefined, there: string): boolean {
  const [[main, minor], [ownMain, ownMinor]] = [wanted ?? '', there].map((one) => one.split('_').map(Number)) as [
    (number | undefined)[],
    (number | undefined)[],
  ]
  return main === ownMain && minor !== undefined && minor <= (ownMinor ?? 0)
}
