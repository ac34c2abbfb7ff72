/** How large a GraphQL query may be: counted with its fragments spread, before anything is validated or run. */
import { Kind } from 'graphql'
import type { DocumentNode, FragmentDefinitionNode, SelectionNode, SelectionSetNode } from 'graphql'

const MOST = { depth: 10, selections: 1000, 'root fields': 10, aliases: 10 } as const

interface Count {
  selections: number
  rootFields: number
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
}

/** Why a query is refused: its depth, selections, root fields, or aliases within one selection; undefined when it is not. */
export function tooLarge(document: DocumentNode): string | undefined {
  const fragments = document.definitions.filter((one) => one.kind === Kind.FRAGMENT_DEFINITION)
  const count: Count = {
    selections: 0,
    rootFields: 0,
    fragments: new Map(fragments.map((one) => [one.name.value, one])),
  }
  let aliases = 0
  for (const operation of document.definitions) {
    if (operation.kind !== Kind.OPERATION_DEFINITION) continue
    const found = aliasesIn(operation.selectionSet, 1, count)
    if (typeof found === 'string') return found
    aliases = Math.max(aliases, found)
  }
  if (count.rootFields > MOST['root fields']) return atMost('root fields', count.rootFields)
  return aliases > MOST.aliases ? atMost('aliases', aliases) : undefined
}

/** The most aliases of one level at or below a selection, or the refusal. Work ends with the refusal, whatever is nested. */
function aliasesIn(set: SelectionSetNode, depth: number, count: Count): number | string {
  if (depth > MOST.depth) return `Query exceeds maximum depth of ${MOST.depth}`
  const open: SelectionNode[] = [...set.selections]
  const spread = new Set<string>()
  let own = 0
  let below = 0
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (++count.selections > MOST.selections) return `Query exceeds maximum total selections of ${MOST.selections}`
    if (node.kind !== Kind.FIELD) {
      open.push(...spreadOf(node, spread, count.fragments))
      continue
    }
    if (depth === 1) count.rootFields++
    if (node.alias !== undefined) own++
    const found = node.selectionSet === undefined ? 0 : aliasesIn(node.selectionSet, depth + 1, count)
    if (typeof found === 'string') return found
    below = Math.max(below, found)
  }
  return Math.max(own, below)
}

/** What a fragment puts in its place; a named one counts once in each selection, so that a circle ends. */
function spreadOf(
  node: Exclude<SelectionNode, { kind: Kind.FIELD }>,
  seen: Set<string>,
  fragments: Count['fragments'],
): readonly SelectionNode[] {
  if (node.kind === Kind.INLINE_FRAGMENT) return node.selectionSet.selections
  const { value } = node.name
  if (seen.has(value)) return []
  seen.add(value)
  return fragments.get(value)?.selectionSet.selections ?? []
}

function atMost(what: 'root fields' | 'aliases', found: number): string {
  return `GraphQL queries should have at most ${MOST[what]} ${what}, got ${found} ${what}.`
}
