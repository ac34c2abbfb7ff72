/** Says in words why a step ran or did not: compares two keys component by component. */
import type { Lock } from '../../envs/lock.ts'
import type { KeyParts } from '../spec/key.ts'
import type { KeyChange } from '../context/rows.ts'

/** Longest value that a change repeats, characters. */
const SHOWN = 200
/** Changes that a sentence names before it counts the rest. */
const NAMED = 4

const RECORDS = ['params', 'env', 'code', 'inputs'] as const
const SCALARS = ['entry', 'seed', 'hardware', 'environment', 'policy', 'salt', 'items'] as const
const LISTS = ['outputs', 'secrets'] as const

/** Every difference between the key of an earlier execution and this one. */
export function compareKeys(before: KeyParts, after: KeyParts): KeyChange[] {
  const records = RECORDS.flatMap((component) => compareRecords(component, before[component], after[component]))
  const scalars = SCALARS.flatMap((component) => {
    const [a, b] = [String(before[component]), String(after[component])]
    return a === b ? [] : [{ component, what: component, before: a, after: b }]
  })
  const lists = LISTS.flatMap((component) => {
    const [a, b] = [before[component].join(', '), after[component].join(', ')]
    return a === b ? [] : [{ component, what: component, before: a, after: b }]
  })
  return [...records, ...scalars, ...lists]
}

/** The packages that differ between two locks, as changes of the component environment. */
export function comparePackages(before: Lock['packages'], after: Lock['packages']): KeyChange[] {
  return compareRecords('environment', versionsOf(before), versionsOf(after))
}

function versionsOf(packages: Lock['packages']): Record<string, string> {
  return Object.fromEntries(packages.map(({ name, version }) => [name, version]))
}

/** One sentence that names the changes. An earlier run may have a zero byte in a value, which no table keeps. */
export function sentence(changes: readonly KeyChange[]): string {
  const named = changes.slice(0, NAMED).map((change) => describe(change).replaceAll('\0', '\\0'))
  const rest = changes.length - named.length
  return rest > 0 ? `${named.join('; ')}; and ${rest} more` : named.join('; ')
}

function describe({ component, what, before, after }: KeyChange): string {
  if (component === 'code' || component === 'inputs') {
    if (before === null) return `${what} is new`
    return after === null ? `${what} is gone` : `${what} changed`
  }
  if (component === 'environment' && what === 'environment') return 'environment changed'
  return `${what} ${before ?? 'absent'} → ${after ?? 'absent'}`
}

function compareRecords(
  component: string,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): KeyChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return names.flatMap((name) => {
    const [a, b] = [text(before[name]), text(after[name])]
    return a === b ? [] : [{ component, what: nameOf(component, name), before: short(a), after: short(b) }]
  })
}

function nameOf(component: string, name: string): string {
  if (component === 'code') return `code ${name}`
  if (component === 'inputs') return `input ${name}`
  return component === 'environment' ? `package ${name}` : `${component}.${name}`
}

function text(value: unknown): string | null {
  if (value === undefined) return null
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function short(value: string | null): string | null {
  return value !== null && value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value
}
