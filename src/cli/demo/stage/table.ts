/** The feature table that the flights pipeline wrote: what the callers of the endpoint would send. Read once, rows are parsed when they are asked for. */

/** One flight: what is known two hours before departure, and what became known later. Times are ms since 1970 UTC. */
export interface Flight {
  readonly id: string
  readonly event_time: number
  readonly label_time: number
  readonly y: number
  readonly inputs: Readonly<Record<string, number | string | null>>
}

export interface FlightTable {
  /** The rows of `[from, until)` (event time, ms), in time order; each is parsed when it is taken. */
  between(from: number, until: number): Iterable<Flight>
}

const KEYS = new Set(['id', 'event_time', 'label_time', 'y', 'month', 'dep_delay'])
const TEXTS = new Set(['carrier', 'origin', 'dest'])

/** Takes the CSV text with a header line. Fields of this table hold no commas or quotes. Throws for a table without `event_time`. */
export function flightTable(csv: string): FlightTable {
  const [head = '', ...lines] = csv.trimEnd().split(/\r?\n/)
  const header = head.split(',')
  const column = header.indexOf('event_time')
  if (column < 0) throw new Error(`the feature table has no column event_time; its columns are ${head}`)
  const rows = lines.map((line) => ({ line, time: Number(cell(line, column)) })).sort((a, b) => a.time - b.time)
  const times = Float64Array.from(rows, (row) => row.time)
  const read = reader(header)
  return {
    *between(from, until) {
      for (const { line } of rows.slice(firstAt(times, from), firstAt(times, until))) yield read(line)
    },
  }
}

/** The text of one column, without splitting the rest of the line. */
function cell(line: string, column: number): string {
  let begin = 0
  for (let i = 0; i < column; i++) begin = line.indexOf(',', begin) + 1
  const end = line.indexOf(',', begin)
  return end < 0 ? line.slice(begin) : line.slice(begin, end)
}

/** The first index whose time is not before `moment`. */
function firstAt(times: Float64Array, moment: number): number {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? Infinity) < moment) low = middle + 1
    else high = middle
  }
  return low
}

function reader(header: readonly string[]): (line: string) => Flight {
  const column = (name: string): number => header.indexOf(name)
  const features = header.flatMap((name, at) => (KEYS.has(name) ? [] : [{ name, at }]))
  const [id, eventTime, labelTime, y] = [column('id'), column('event_time'), column('label_time'), column('y')]
  return (line) => {
    const cells = line.split(',')
    const inputs: Record<string, number | string | null> = {}
    for (const { name, at } of features) inputs[name] = value(name, cells[at] ?? '')
    return {
      id: cells[id] ?? '',
      event_time: Number(cells[eventTime]),
      label_time: Number(cells[labelTime]),
      y: Number(cells[y]),
      inputs,
    }
  }
}

function value(name: string, text: string): number | string | null {
  if (text === '') return null
  return TEXTS.has(name) ? text : Number(text)
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
