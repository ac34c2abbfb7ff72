/** Reads a section as what it means, with every fault that it has. */
import type { FeaturesSection } from '../../contract/features/section.ts'
import type { Entity, OnDemand, Service, View } from './definitions.ts'
import { onDemandsOf, serviceOf, type NumberedView } from './services.ts'
import { entitiesOf, viewOf, type Fault, type Tell } from './views.ts'

export interface Definitions {
  readonly entities: ReadonlyMap<string, Entity>
  readonly views: ReadonlyMap<string, View>
  readonly onDemand: ReadonlyMap<string, OnDemand>
  readonly services: ReadonlyMap<string, Service>
}

/** What is there besides the section. */
export interface Around {
  /** Names of declared sources. */
  readonly sources: readonly string[]
  readonly entities?: readonly Entity[]
  /** A view of the project that the section need not repeat; without a version the newest. */
  readonly view?: (name: string, version?: number) => NumberedView | undefined
  readonly viewNames?: readonly string[]
  /** The number that a view of the section has or will have; absent: 1. */
  readonly numberOf?: (view: View) => number
}

/** More are told of nobody who reads them. */
const MOST_FAULTS = 100

/** The definitions of a section without those that have a fault, and all faults. */
export function readSection(section: FeaturesSection, around: Around): { definitions: Definitions; faults: Fault[] } {
  const faults: Fault[] = []
  const tell: Tell = (path, message) => {
    if (faults.length < MOST_FAULTS) faults.push({ path, message })
  }
  const entities = entitiesOf(section, around.entities ?? [])
  const views = new Map<string, View>()
  for (const named of Object.entries(section.views)) {
    const view = viewOf(named, entities, { names: around.sources }, tell)
    if (view !== undefined) views.set(view.name, view)
  }
  const numbers = new Map<View, number>()
  const numberOf = (view: View): number => {
    const number = numbers.get(view) ?? around.numberOf?.(view) ?? 1
    numbers.set(view, number)
    return number
  }
  const find = (name: string, version?: number): NumberedView | undefined => {
    const own = views.get(name)
    const number = own === undefined ? undefined : numberOf(own)
    if (own !== undefined && number !== undefined && (version === undefined || version === number))
      return { view: own, version: number }
    return around.view?.(name, version)
  }
  const viewNames = [...new Set([...views.keys(), ...(around.viewNames ?? [])])]
  const onDemand = onDemandsOf(section, { view: find, viewNames }, tell)
  const named = {
    view: find,
    viewNames,
    onDemand: (name: string) => onDemand.get(name),
    onDemandNames: [...onDemand.keys()],
  }
  const services = new Map<string, Service>()
  for (const one of Object.entries(section.services)) {
    const service = serviceOf(one, named, tell)
    if (service !== undefined) services.set(service.name, service)
  }
  const own = new Map([...entities].filter(([name]) => Object.hasOwn(section.entities, name)))
  return { definitions: { entities: own, views, onDemand, services }, faults }
}
