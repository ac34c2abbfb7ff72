/** Inputs of steps that come from declared sources: `sources.NAME`. */
import { nearest } from '../names/nearest.ts'

/** Before the name of a source, where an input names one. */
const BEFORE = 'sources.'

type Inputs = Readonly<Record<string, string>>

/** What an input names that is the file of an item. */
const OF_ITEM = /^sources\.([A-Za-z_]\w*)\[item\]\??$/

/** Inputs that are the file of an item, each with the name of its source. */
export function inputsOfItems(inputs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inputs).flatMap(([input, from]) => {
      const source = OF_ITEM.exec(from)?.[1]
      return source === undefined ? [] : [[input, source] as const]
    }),
  )
}

/**
 * Inputs that other steps give, and those that sources give by the name of the source; those that are the file of an item are neither. A file without sources has none: there a step may
 * be called "sources".
 */
export function splitInputs(
  inputs: Inputs,
  sources: object | undefined,
): { readonly own: Inputs; readonly sources: Inputs } {
  const ofItems = sources === undefined ? {} : inputsOfItems(inputs)
  const entries = Object.entries(inputs).filter(([input]) => !Object.hasOwn(ofItems, input))
  const isSource = ([, from]: [string, string]): boolean => sources !== undefined && from.startsWith(BEFORE)
  return {
    own: Object.fromEntries(entries.filter((entry) => !isSource(entry))),
    sources: Object.fromEntries(entries.filter(isSource).map(([input, from]) => [input, from.slice(BEFORE.length)])),
  }
}

/** What is wrong with the source that an input names; undefined where nothing is. */
export function sourceFault(name: string, known: readonly string[]): string | undefined {
  const plain = name.replace(/\?$/, '')
  if (!known.includes(plain)) {
    const close = nearest(plain, known)
    return `there is no source "${plain}"${close === undefined ? (known.length === 0 ? '' : `; the sources are ${known.join(', ')}`) : `; did you mean "${close}"?`}`
  }
  return plain === name
    ? undefined
    : `"sources.${name}" ends with "?", and a source is never skipped; expected "sources.${plain}"`
}
