/** The feature table that the flights pipeline wrote, read column by column: what the callers of the endpoint would send. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

/** One flight: what is known two hours before departure, and what became known later. Times are ms since 1970 UTC. */
export interface Flight {
  readonly id: string
  readonly event_time: number
  readonly label_time: number
  readonly y: number
  readonly inputs: Readonly<Record<string, number | string | null>>
}

const KEYS = new Set(['id', 'event_time', 'label_time', 'y', 'month', 'dep_delay'])
const TEXTS = new Set(['carrier', 'origin', 'dest'])

/** Reads the rows of `[from, until)` (event time), in time order. Fields of this table hold no commas or quotes. */
export async function readFlights(path: string, from: number, until: number): Promise<Flight[]> {
  const flights: Flight[] = []
  let header: string[] = []
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    if (header.length === 0) {
      header = line.split(',')
      continue
    }
    const cells = line.split(',')
    const time = Number(cells[header.indexOf('event_time')])
    if (time >= from && time < until) flights.push(flight(header, cells))
  }
  return flights.toSorted((a, b) => a.event_time - b.event_time)
}

function flight(header: readonly string[], cells: readonly string[]): Flight {
  const at = (name: string): string => cells[header.indexOf(name)] ?? ''
  const inputs: Record<string, number | string | null> = {}
  header.forEach((name, i) => {
    if (!KEYS.has(name)) inputs[name] = read(name, cells[i] ?? '')
  })
  return {
    id: at('id'),
    event_time: Number(at('event_time')),
    label_time: Number(at('label_time')),
    y: Number(at('y')),
    inputs,
  }
}

function read(name: string, cell: string): number | string | null {
  if (cell === '') return null
  return TEXTS.has(name) ? cell : Number(cell)
}

/** A change that an upstream feed makes to the rows without a word. */
export type Fault = (inputs: Flight['inputs']) => Flight['inputs']

/** Temperature and dew point in °C instead of °F. */
export const celsius: Fault = (inputs) => ({
  ...inputs,
  temp: toCelsius(inputs['temp']),
  dewp: toCelsius(inputs['dewp']),
})

/** Distance in kilometres instead of miles. */
export const kilometres: Fault = (inputs) => {
  const miles = inputs['distance']
  return { ...inputs, distance: typeof miles === 'number' ? miles * 1.609344 : null }
}

function toCelsius(value: number | string | null | undefined): number | null {
  return typeof value === 'number' ? (value - 32) / 1.8 : null
}
