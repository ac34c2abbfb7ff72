/** Finds definitions by words in their names, features, tags, owners and descriptions. */
import type { FeatureView } from '../../../src/contract/features/catalogue.ts'
import type { Catalogue } from './queries.ts'

interface Said {
  readonly name: string
  readonly description: string
  readonly owner: string
  readonly tags: Readonly<Record<string, string>>
}

/** The words of what somebody looks for, in small letters. */
export function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
}

/** Definitions that hold every word; all of them without a word. */
export function foundIn({ entities, views, on_demand, services }: Catalogue, words: readonly string[]): Catalogue {
  return {
    entities: entities.filter((one) =>
      holds(
        words,
        one,
        one.keys.map(({ name }) => name),
      ),
    ),
    views: views.filter((one) =>
      holds(words, one, [
        ...one.entities,
        ...one.features.flatMap(({ name, column }) => [name, column ?? '']),
        ...one.sources.flatMap(({ name, place }) => [name, place]),
      ]),
    ),
    on_demand: on_demand.filter((one) => holds(words, one, [one.sql, ...one.inputs.map(({ of }) => of)])),
    services: services.filter((one) =>
      holds(words, one, [
        ...one.columns.flatMap(({ name, of }) => [name, of]),
        ...one.views.map(({ view }) => view),
        ...one.fields.map(({ name }) => name),
      ]),
    ),
  }
}

function holds(words: readonly string[], one: Said, parts: readonly string[]): boolean {
  const text = [one.name, one.description, one.owner, ...Object.entries(one.tags).flat(), ...parts]
    .join('\n')
    .toLowerCase()
  return words.every((word) => text.includes(word))
}

/** Features whose names hold one of the words: why a view was found. */
export function matchesOf({ features }: FeatureView, words: readonly string[]): string[] {
  return features.map(({ name }) => name).filter((name) => words.some((word) => name.toLowerCase().includes(word)))
}
