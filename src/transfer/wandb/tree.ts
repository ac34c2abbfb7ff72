/** Nested values of wandb's config, summary and history: put together from items, and flattened to names with dots. */
import type { Value, ValueMap } from '../../traces/spans/values.ts'
import type { Item, Update } from './record.ts'

/** A tree that grows. */
export type Tree = Map<string, Value>

/** Sets values and removes others, as a record says. */
export function applyUpdate(tree: Tree, { update, remove }: Update): void {
  for (const item of update) setAt(tree, item)
  for (const path of remove) removeAt(tree, path)
}

/** The tree of a record's items. */
export function treeOf(items: readonly Item[]): Tree {
  const tree: Tree = new Map()
  for (const item of items) setAt(tree, item)
  return tree
}

function setAt(tree: Tree, { path, value }: Item): void {
  const name = path.at(-1) ?? ''
  let at = tree
  for (const part of path.slice(0, -1)) {
    const known = at.get(part)
    const next: Tree = known instanceof Map ? (known as Tree) : new Map()
    if (next !== known) at.set(part, next)
    at = next
  }
  at.set(name, value)
}

function removeAt(tree: Tree, path: readonly string[]): void {
  let at: Tree = tree
  for (const part of path.slice(0, -1)) {
    const next = at.get(part)
    if (!(next instanceof Map)) return
    at = next as Tree
  }
  at.delete(path.at(-1) ?? '')
}

/** Names with dots and what stands there. Media (maps that say their `_type`), lists and empty maps are leaves. */
export function* leavesOf(tree: ValueMap, prefix = ''): Generator<readonly [name: string, value: Value]> {
  for (const [key, value] of tree) {
    const name = prefix === '' ? key : `${prefix}.${key}`
    if (value instanceof Map && value.size > 0 && !value.has('_type')) yield* leavesOf(value as ValueMap, name)
    else yield [name, value]
  }
}

/** What a metric can be of a value; undefined for what is no number. */
export function metricOf(value: Value): number | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined
}
