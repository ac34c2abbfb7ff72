/** On-demand features and services of a section, resolved against the views that they name. */
import type { FeaturesSection, ServiceSection, ValueType } from '../../contract/features/section.ts'
import { compileExpression } from '../expressions/compile.ts'
import { ExpressionError } from '../expressions/grammar.ts'
import type { Column, Input, OnDemand, Service, TakenView, View } from './definitions.ts'
import { listed, type Tell } from './views.ts'

/** A view with the number that it has, or gets when the section is applied. */
export interface NumberedView {
  readonly view: View
  readonly version: number
}

export interface Named {
  /** Undefined where there is none; without a version the newest. */
  view(name: string, version?: number): NumberedView | undefined
  readonly viewNames: readonly string[]
  onDemand(name: string): OnDemand | undefined
  readonly onDemandNames: readonly string[]
}

/** Types of all features of a view, windows included. */
export function typesOf({ features, windows }: View): Map<string, ValueType> {
  return new Map([...features, ...windows].map(({ name, type }) => [name, type]))
}

/** The on-demand features of a section. Each is compiled once, so that a fault is told when it is applied. */
export function onDemandsOf(
  { on_demand }: FeaturesSection,
  named: Omit<Named, 'onDemand' | 'onDemandNames'>,
  tell: Tell,
): Map<string, OnDemand> {
  const done = new Map<string, OnDemand>()
  const names = Object.keys(on_demand)
  const open = new Set<string>()
  const failed = new Set<string>()
  const read = (name: string): OnDemand | undefined => {
    const section = Object.hasOwn(on_demand, name) ? on_demand[name] : undefined
    if (done.has(name) || section === undefined || failed.has(name)) return done.get(name)
    // until it is read without a fault; then each fault is told once
    failed.add(name)
    open.add(name)
    const path = ['on_demand', name]
    const inputs = Object.entries(section.inputs).flatMap(([input, text]) => {
      const at = [...path, 'inputs', input]
      const parsed = inputOf(text)
      if ('fault' in parsed) {
        tell(at, parsed.fault)
        return []
      }
      if (parsed.kind === 'on_demand' && open.has(parsed.name)) {
        tell(at, `it depends on itself by way of "${parsed.name}"`)
        return []
      }
      const type = typeOfInput(parsed, { named, names, read, tell: (message) => tell(at, message) })
      return type === undefined ? [] : [{ name: input, type, of: parsed }]
    })
    open.delete(name)
    if (inputs.length < Object.keys(section.inputs).length) return undefined
    const fault = faultOf(section.sql, inputs, section.type)
    if (fault !== undefined) {
      tell([...path, 'sql'], fault)
      return undefined
    }
    const one: OnDemand = { name, type: section.type, sql: section.sql, inputs }
    done.set(name, one)
    failed.delete(name)
    return one
  }
  for (const name of names) read(name)
  return done
}

function faultOf(sql: string, inputs: OnDemand['inputs'], type: ValueType): string | undefined {
  try {
    compileExpression(
      sql,
      inputs.map(({ name, type: of }) => [name, of] as const),
      type,
    )
    return undefined
  } catch (error) {
    if (error instanceof ExpressionError) return `column ${error.column}: ${error.message}`
    throw error
  }
}

const INPUT =
  /^(?:(?:request:(?<field>[A-Za-z_]\w{0,63})(?::(?<type>int|float|bool|text|time))?)|(?:on_demand:(?<other>[A-Za-z_]\w{0,63}))|(?:(?<view>[A-Za-z_]\w{0,63}):(?<feature>[A-Za-z_]\w{0,63})))$/

type ParsedInput = Input | { readonly kind: 'request'; readonly field: string; readonly type: ValueType }

function inputOf(text: string): ParsedInput | { readonly fault: string } {
  const found = INPUT.exec(text)?.groups
  if (found === undefined)
    return { fault: `VIEW:FEATURE, request:FIELD, request:FIELD:TYPE or on_demand:FEATURE was expected, got "${text}"` }
  const { field, type, other, view, feature } = found
  if (field !== undefined) return { kind: 'request', field, type: (type ?? 'float') as ValueType }
  if (other !== undefined) return { kind: 'on_demand', name: other }
  return { kind: 'feature', view: view ?? '', feature: feature ?? '' }
}

interface Looking {
  readonly named: Omit<Named, 'onDemand' | 'onDemandNames'>
  readonly names: readonly string[]
  readonly read: (name: string) => OnDemand | undefined
  readonly tell: (message: string) => void
}

/** Undefined where it names nothing that is known; an on-demand feature with a fault of its own has told that. */
function typeOfInput(input: ParsedInput, { named, names, read, tell }: Looking): ValueType | undefined {
  if (input.kind === 'request') return 'type' in input ? input.type : 'float'
  if (input.kind === 'on_demand') {
    if (!names.includes(input.name)) tell(`there is no on-demand feature "${input.name}"; there are ${listed(names)}`)
    return read(input.name)?.type
  }
  const found = named.view(input.view)
  if (found === undefined) {
    tell(`there is no feature view "${input.view}"; there are ${listed(named.viewNames)}`)
    return undefined
  }
  const type = typesOf(found.view).get(input.feature)
  if (type === undefined)
    tell(`view "${input.view}" has no feature "${input.feature}"; it has ${listed([...typesOf(found.view).keys()])}`)
  return type
}

/** More than any model reads, and few enough to be held as one row. */
const MOST_COLUMNS = 10_000

interface Taken {
  readonly view: string
  readonly version: number | undefined
  /** Undefined takes all. */
  readonly feature: string | undefined
  readonly as: string
  readonly keys: Readonly<Record<string, string>>
  readonly names: Readonly<Record<string, string>>
}

/** A service, as far as nothing is wrong with it. */
export function serviceOf(
  [name, section]: readonly [string, ServiceSection],
  named: Named,
  tell: Tell,
): Service | undefined {
  const views = new Map<string, TakenView>()
  const columns: Column[] = []
  const wanted: OnDemand[] = []
  let isSound = true
  const wrong = (path: readonly string[], message: string): void => {
    isSound = false
    tell(['services', name, ...path], message)
  }
  for (const [i, given] of section.features.entries()) {
    if (columns.length > MOST_COLUMNS) break
    const path = ['features', String(i)]
    if (typeof given === 'string' && given.startsWith('on_demand:')) {
      const found = named.onDemand(given.slice('on_demand:'.length))
      if (found === undefined)
        wrong(path, `there is no on-demand feature "${given.slice(10)}"; there are ${listed(named.onDemandNames)}`)
      else columns.push({ name: found.name, type: found.type, of: { on_demand: found.name } })
      if (found !== undefined) wanted.push(found)
      continue
    }
    const taken = takenOf(given)
    const found = named.view(taken.view, taken.version)
    if (found === undefined) {
      const versioned = taken.version === undefined ? '' : `@${taken.version}`
      wrong(path, `there is no feature view "${taken.view}${versioned}"; there are ${listed(named.viewNames)}`)
      continue
    }
    const fault = addView(views, taken, found) ?? addColumns(columns, taken, found.view, section.full_names)
    if (fault !== undefined) wrong(path, fault)
  }
  if (columns.length > MOST_COLUMNS)
    wrong(['features'], `it gives ${columns.length} columns; at most ${MOST_COLUMNS} were expected`)
  const seen = new Set<string>()
  const twice = columns.slice(0, MOST_COLUMNS).find(({ name: column }) => seen.has(column) || !seen.add(column))
  if (twice !== undefined)
    wrong(['features'], `two of them give the column "${twice.name}"; "full_names: true" or "names" tells them apart`)
  const on_demand = withNeeds(wanted, named)
  const fault = addInputs(views, on_demand, named)
  if (fault !== undefined) wrong(['features'], fault)
  return isSound ? { name, views: [...views.values()], columns, on_demand, on_expired: section.on_expired } : undefined
}

/** On-demand features with all that they are computed from, each after what it needs. */
function withNeeds(wanted: readonly OnDemand[], named: Named): OnDemand[] {
  const ordered = new Map<string, OnDemand>()
  const add = (one: OnDemand | undefined): void => {
    if (one === undefined || ordered.has(one.name)) return
    for (const { of } of one.inputs) if (of.kind === 'on_demand') add(named.onDemand(of.name))
    ordered.set(one.name, one)
  }
  for (const one of wanted) add(one)
  return [...ordered.values()]
}

/** Views that on-demand features read and that the service does not take itself are read by their own keys. */
function addInputs(views: Map<string, TakenView>, all: readonly OnDemand[], named: Named): string | undefined {
  for (const { name, inputs } of all) {
    for (const { of, type } of inputs) {
      if (of.kind !== 'feature') continue
      const [found, before] = [named.view(of.view), views.get(of.view)]
      if (before !== undefined && before.view !== of.view)
        return `"${of.view}" is the name of view "${before.view}" here, and on-demand feature "${name}" reads the view "${of.view}"`
      // it was read against the newest version, and this service may stay with another one
      const taken = before === undefined ? found : named.view(of.view, before.version)
      const given = taken && typesOf(taken.view).get(of.feature)
      if (taken !== undefined && given !== type)
        return `on-demand feature "${name}" reads "${of.view}:${of.feature}" as ${type}, and version ${taken.version} of the view, which is taken here, has it ${given === undefined ? 'not' : `as ${given}`}`
      if (found !== undefined && before === undefined)
        views.set(of.view, {
          name: of.view,
          view: of.view,
          version: found.version,
          keys: found.view.keys.map((key) => key.name),
        })
    }
  }
  return undefined
}

function takenOf(given: ServiceSection['features'][number]): Taken {
  const { take, as, keys, names } =
    typeof given === 'string' ? { take: given, as: undefined, keys: {}, names: {} } : given
  const [viewText = '', feature] = take.split(':')
  const [view = '', version] = viewText.split('@')
  return { view, version: version === undefined ? undefined : Number(version), feature, as: as ?? view, keys, names }
}

function addView(
  views: Map<string, TakenView>,
  { as, view, keys: given }: Taken,
  found: NumberedView,
): string | undefined {
  const own = found.view.keys.map(({ name }) => name)
  const unknown = Object.keys(given).find((key) => !own.includes(key))
  if (unknown !== undefined) return `view "${view}" has no key "${unknown}"; it has ${listed(own)}`
  const taken: TakenView = { name: as, view, version: found.version, keys: own.map((key) => given[key] ?? key) }
  const before = views.get(as)
  if (before !== undefined && JSON.stringify(before) !== JSON.stringify(taken))
    return `"${as}" is taken twice, with other keys or in another version; "as" gives one of them another name`
  views.set(as, taken)
  return undefined
}

function addColumns(columns: Column[], { as, feature, names }: Taken, view: View, full: boolean): string | undefined {
  const types = typesOf(view)
  const unknown = [...(feature === undefined ? [] : [feature]), ...Object.keys(names)].find((one) => !types.has(one))
  if (unknown !== undefined)
    return `view "${view.name}" has no feature "${unknown}"; it has ${listed([...types.keys()])}`
  for (const [one, type] of types) {
    if (feature !== undefined && one !== feature) continue
    columns.push({ name: names[one] ?? (full ? `${as}__${one}` : one), type, of: { view: as, feature: one } })
  }
  return undefined
}
